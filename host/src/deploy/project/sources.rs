//! What a handler is built from, looked at as plugins are.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::stamp::Stamp;

/// The folders of a project that have sources.
const FOLDERS: [&str; 3] = ["src", "vendor", "wit"];
/// Cargo's own, which a build may write.
const LOCK: &str = "Cargo.lock";

/// The files of a project as they were at one look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sources(BTreeMap<PathBuf, Stamp>);

impl Sources {
    /// As they are now. What can't be read is not there: cargo says more of it.
    pub(super) fn look(project: &Path) -> Self {
        let mut sources = Self::default();
        let _ = sources.add(project, &|path| {
            let file = |end: &str| path.extension().is_some_and(|extension| extension == end);
            file("toml") || file("rs") || path.ends_with(LOCK)
        });
        for folder in FOLDERS {
            sources.add_all(&project.join(folder));
        }
        sources
    }

    /// These, with the lock file as it is now.
    pub(super) fn with_lock_of(mut self, project: &Path) -> Self {
        let lock = project.join(LOCK);
        if let Some(stamp) = Stamp::of(&lock) {
            self.0.insert(lock, stamp);
        }
        self
    }

    /// Adds the files of a folder and of those below. Links to folders are not
    /// followed, which could lead round in circles.
    fn add_all(&mut self, folder: &Path) {
        let Ok(folders) = self.add(folder, &|_| true) else { return };
        for folder in folders {
            self.add_all(&folder);
        }
    }

    /// Adds those files of a folder that are wanted, and returns the folders in it.
    fn add(&mut self, folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if wanted(&path)
                && let Some(stamp) = Stamp::of(&path)
            {
                self.0.insert(path, stamp);
            }
        }
        Ok(folders)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_handler_is_built_from_is_seen_and_nothing_else() {
        let project = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = project.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let mut before = Sources::look(project.path());
        for path in ["Cargo.toml", "hello.toml", "build.rs", "src/a/b.html", "vendor/x/src/lib.rs"]
        {
            put(path, "1");
            let added = Sources::look(project.path());
            assert_ne!(added, before, "{path}");
            put(path, "22");
            before = Sources::look(project.path());
            assert_ne!(before, added, "{path}");
        }
        for path in ["target/release/a.rs", "README.md", ".git/config.toml"] {
            put(path, "1");
            assert_eq!(Sources::look(project.path()), before, "{path}");
        }
        put("Cargo.lock", "by cargo");
        assert_ne!(Sources::look(project.path()), before);
        assert_eq!(Sources::look(project.path()), before.with_lock_of(project.path()));
    }
}
