//! Whether a file is the same as before.

use std::{fs::Metadata, io, os::unix::fs::MetadataExt as _, path::Path};

/// What tells a file from another, and from itself before it was written to: which it
/// is, its length, and when it was last changed (seconds, nanoseconds). That time, unlike
/// the one of the content, can't be set back, as `cp -p` would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(of: &Metadata) -> Self {
        let changed = (of.ctime(), of.ctime_nsec());
        Self { device: of.dev(), inode: of.ino(), bytes: of.size(), changed }
    }
}

impl Stamp {
    /// Of this file, links followed. None: it is gone, or no file.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match std::fs::metadata(path) {
            Ok(metadata) => metadata.is_file().then(|| (&metadata).into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // Whoever reads it will say why it can't be read.
            Err(_) => Some(Self::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        time::SystemTime,
    };

    use super::*;

    #[test]
    fn a_file_of_the_same_length_and_time_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        assert_eq!(Stamp::of(&path), None);
        let replace = |content: &str| {
            let new = path.with_extension("new");
            fs::write(&new, content).unwrap();
            let file = File::options().append(true).open(&new).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            fs::rename(new, &path).unwrap();
        };
        replace("old");
        let before = Stamp::of(&path);
        assert_eq!(Stamp::of(&path), before);
        replace("new");
        assert_ne!(Stamp::of(&path), before);
    }
}
