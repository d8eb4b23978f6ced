//! Reads a plugin's file.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use rustix::fs::OFlags;

use super::error::Problem;

/// Reads a regular file: another one may have no end, or never begin.
pub(super) fn read(path: &Path, max_bytes: usize) -> Result<Vec<u8>, Problem> {
    // Else opening a pipe waits for who writes to it.
    let at_once = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(at_once).open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
    }
    if !kind.is_file() {
        return Err(Problem::NoFile);
    }
    let mut bytes = Vec::new();
    file.take(max_bytes as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > max_bytes { Err(Problem::TooLarge(max_bytes)) } else { Ok(bytes) }
}
