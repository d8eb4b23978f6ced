//! Whether a plugin's files are the same as before.

use std::{fs::Metadata, io, os::unix::fs::MetadataExt as _, path::Path};

/// What tells a file from another, and from itself before it was written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct File {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// A plugin's files: the component, and its configuration if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    component: File,
    configuration: Option<File>,
}

impl From<&Metadata> for File {
    fn from(of: &Metadata) -> Self {
        Self {
            device: of.dev(),
            inode: of.ino(),
            bytes: of.size(),
            modified: (of.mtime(), of.mtime_nsec()),
            changed: (of.ctime(), of.ctime_nsec()),
        }
    }
}

impl Stamp {
    /// Of the plugin in this file. None: it is gone, or nothing that is read.
    pub(super) fn of(component: &Path) -> Option<Self> {
        let configuration = file(&component.with_extension("toml"));
        file(component).map(|component| Self { component, configuration })
    }
}

/// Of this file, links followed. None: it is gone, or no file.
pub(super) fn file(path: &Path) -> Option<File> {
    match std::fs::metadata(path) {
        Ok(metadata) => metadata.is_file().then(|| (&metadata).into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        // Whoever loads it will say why it can't be read.
        Err(_) => Some(File::default()),
    }
}
