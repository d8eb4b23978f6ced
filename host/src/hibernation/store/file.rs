//! The file that the coldest snapshots go to.

use std::{
    fs::{File, Permissions},
    io,
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::blocks::{Blocks, block_bytes};

/// A file without a name, so that it ends with the process, however that ends.
/// Only its owner can read it: it holds what guests have in memory.
#[derive(Debug)]
pub(super) struct SpillFile {
    file: File,
    blocks: Mutex<Blocks>,
}

impl SpillFile {
    /// Makes one in `directory` that takes up to `max_bytes`.
    pub(super) fn create(directory: &Path, max_bytes: u64) -> io::Result<Arc<Self>> {
        let file = tempfile::tempfile_in(directory)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        Ok(Self::new(file, max_bytes))
    }

    pub(super) fn new(file: File, max_bytes: u64) -> Arc<Self> {
        Arc::new(Self { file, blocks: Mutex::new(Blocks::new(max_bytes)) })
    }

    /// Writes a snapshot to it.
    pub(super) fn write(self: &Arc<Self>, bytes: &[u8]) -> io::Result<Spilled> {
        let len = bytes.len() as u64;
        let Some(offset) = self.blocks().take(len) else {
            let what = format!("no block of {} bytes is free in the spill file", block_bytes(len));
            return Err(io::Error::new(io::ErrorKind::StorageFull, what));
        };
        let spilled = Spilled { file: self.clone(), offset, len };
        self.file.write_all_at(bytes, offset)?;
        Ok(spilled)
    }

    fn blocks(&self) -> MutexGuard<'_, Blocks> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A snapshot in the file. Its room is free when this is dropped.
#[derive(Debug)]
pub(super) struct Spilled {
    file: Arc<SpillFile>,
    offset: u64,
    len: u64,
}

impl Spilled {
    /// What it takes of the file.
    pub(super) fn block_bytes(&self) -> u64 {
        block_bytes(self.len)
    }

    /// Reads it, waiting for the disk.
    pub(super) fn read(&self) -> io::Result<Box<[u8]>> {
        let len = usize::try_from(self.len).map_err(io::Error::other)?;
        let mut bytes = vec![0; len].into_boxed_slice();
        self.file.file.read_exact_at(&mut bytes, self.offset)?;
        Ok(bytes)
    }
}

impl Drop for Spilled {
    fn drop(&mut self) {
        self.file.blocks().give(self.offset, self.len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_its_owners_alone_and_has_no_name() {
        let directory = tempfile::tempdir().unwrap();
        let spill = SpillFile::create(directory.path(), 1024).unwrap();
        let mode = spill.file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }
}
