//! Compiled code that is kept between runs: a file for each component.
//!
//! Hosts may share a directory. A file is written beside its place and then
//! moved there, so that nobody finds half of one; one that is damaged all the
//! same is made again. Files that were not used for longest go first.

use std::{
    fmt,
    fs::{self, DirBuilder, File, Metadata},
    hash::{Hash as _, Hasher},
    io::{self, ErrorKind, Read as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

use super::Artifact;
use crate::plugin::Digest;

/// What a file's name ends in, and while it is written.
const WHOLE: &str = "artifact";
const PARTIAL: &str = "partial";

/// A directory of compiled code. It is trusted: whoever writes to it decides what
/// runs. So nobody else may.
#[derive(Debug)]
pub struct Cache {
    directory: PathBuf,
    max_bytes: u64,
}

/// What code depends on: the component, the compiler with its settings and the
/// processor, and the program, which rewrites the component first.
#[derive(Clone, Debug)]
pub(super) struct Key(String);

impl Key {
    /// None without a look at the program, which tells one build from another.
    pub(super) fn new(program: &Path, engine: &Engine, component: Digest) -> Option<Self> {
        let program = fs::metadata(program).ok()?;
        let mut hasher = Sha256Hasher(Sha256::new_with_prefix(component.bytes()));
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        (program.len(), program.mtime(), program.mtime_nsec()).hash(&mut hasher);
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Some(Self(Digest::from(hasher.0.finalize()).to_string()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Takes what has a hash, into one by which files can be told apart.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("nothing that is hashed asks for it")
    }
}

impl Cache {
    /// Opens a directory, and makes it if it is not there. Above so many bytes,
    /// files are removed.
    ///
    /// # Errors
    /// A directory that can't be made or read, or that others can write to.
    pub fn open(directory: &Path, max_bytes: u64) -> Result<Self> {
        let wrong = || {
            let directory = directory.display();
            format!("can't keep compiled code in {directory}; give another directory by --cache")
        };
        DirBuilder::new().recursive(true).mode(0o700).create(directory).with_context(wrong)?;
        private(&fs::metadata(directory).with_context(wrong)?).with_context(wrong)?;
        Ok(Self { directory: directory.to_owned(), max_bytes })
    }

    /// What was kept. None if it is not there or damaged.
    pub(super) fn read(&self, key: &Key) -> Option<Artifact> {
        let path = self.path(key);
        match read(&path) {
            Ok(artifact) => Some(artifact),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!("can't use {}: {error}; compiling again", path.display());
                None
            }
        }
    }

    /// Keeps it. Where that fails the log says so, and the host goes on.
    pub(super) fn write(&self, key: &Key, artifact: &Artifact) {
        let written = self.put(key, artifact).and_then(|()| self.trim());
        if let Err(error) = written {
            let directory = self.directory.display();
            tracing::warn!("can't keep compiled code in {directory}: {error}");
        }
    }

    fn put(&self, key: &Key, artifact: &Artifact) -> io::Result<()> {
        let suffix = format!(".{PARTIAL}");
        let mut file = tempfile::Builder::new().suffix(&suffix).tempfile_in(&self.directory)?;
        artifact.write(&mut file)?;
        file.persist(self.path(key))?;
        Ok(())
    }

    /// Removes what was not used for longest, until the rest fits.
    fn trim(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let ours = path.extension().is_some_and(|end| end == WHOLE || end == PARTIAL);
            // Another host may have removed it.
            if ours && let Ok(file) = fs::metadata(&path) {
                files.push((file.modified()?, file.len(), path));
            }
        }
        files.sort_by(|one, other| other.cmp(one));
        let mut kept = 0;
        for (_, len, path) in files {
            if kept + len <= self.max_bytes {
                kept += len;
            } else if let Err(error) = fs::remove_file(path)
                && error.kind() != ErrorKind::NotFound
            {
                return Err(error);
            }
        }
        Ok(())
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.directory.join(format!("{key}.{WHOLE}"))
    }
}

/// Reads a file, and notes that it is in use.
fn read(path: &Path) -> io::Result<Artifact> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    // The order in which files go is all that depends on it.
    let _ = file.set_modified(SystemTime::now());
    Artifact::read(bytes).map_err(io::Error::other)
}

/// Checks that nobody but this user can write to a directory.
fn private(directory: &Metadata) -> Result<()> {
    let (owner, user) = (directory.uid(), rustix::process::geteuid().as_raw());
    ensure!(owner == user, "it belongs to another user ({owner}, and this is {user})");
    ensure!(directory.mode() & 0o022 == 0, "others can write to it: `chmod go-w` it");
    Ok(())
}

#[cfg(test)]
mod tests;
