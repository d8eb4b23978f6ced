//! Directories of the host's that a guest may read.

use std::{fs::File, io, path::Path, sync::Arc};

use wasmtime_wasi::{FsPerms, OpenMode, filesystem::Dir};

use super::CapabilityError;

/// A directory that is open, and where a guest finds it.
#[derive(Clone)]
pub struct Directory {
    /// The guest's path.
    pub guest: String,
    dir: Dir,
}

impl Directory {
    /// Opens a directory. Another one that is put in its place later is not seen.
    ///
    /// # Errors
    /// It is not there, or no directory, or may not be read.
    pub fn open(guest: &str, path: &Path) -> Result<Self, CapabilityError> {
        let opened = File::open(path).and_then(|file| match file.metadata()?.is_dir() {
            true => Ok(file),
            false => Err(io::ErrorKind::NotADirectory.into()),
        });
        let file = opened.map_err(|error| CapabilityError::Directory {
            guest: guest.to_owned(),
            path: path.to_owned(),
            error,
        })?;
        // What is done to files is done by threads for what blocks.
        let dir = Dir::new(file, FsPerms::ReadOnly, OpenMode::READ, false);
        Ok(Self { guest: guest.to_owned(), dir })
    }

    /// The directory, for one instance.
    #[must_use]
    pub fn dir(&self) -> Dir {
        self.dir.clone()
    }

    /// Whether this is the directory itself, and not one that was opened below it.
    #[must_use]
    pub fn is(&self, other: &Dir) -> bool {
        Arc::ptr_eq(&self.dir.dir, &other.dir)
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").field("guest", &self.guest).finish_non_exhaustive()
    }
}
