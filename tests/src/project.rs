//! A handler's project, made by `wshost new`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{paths, run_to_end};

/// A project, made anew. What cargo builds in it stays for the next.
#[derive(Debug)]
pub struct Project(PathBuf);

impl Project {
    /// A project of this name, which no other test may have.
    ///
    /// # Panics
    /// If it can't be made.
    pub async fn new(name: &str) -> Self {
        let folder = paths::projects();
        let path = folder.join(name);
        // There is none the first time.
        let _ = fs::remove_dir_all(&path);
        let made = run_to_end(&["new".as_ref(), name.as_ref(), "--path".as_ref(), &*path]).await;
        assert_eq!(made.status, Some(0), "{made:?}");
        let project = Self(path);
        // Only what this workspace is built from too is there, where there is no network.
        let target = folder.join("target");
        project.put(
            ".cargo/config.toml",
            &format!("build.target-dir = {target:?}\nnet.offline = true\n"),
        );
        // The style of this workspace, should the directory stand in it, is not the project's.
        project.put(".rustfmt.toml", "");
        project
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Puts a file into it.
    ///
    /// # Panics
    /// If it can't.
    pub fn put(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        let parent = path.parent().expect("it stands in the project");
        fs::create_dir_all(parent).and_then(|()| fs::write(path, text)).expect("it can be written");
    }

    /// Writes something else in the handler's source.
    ///
    /// # Panics
    /// If it is not there.
    pub fn edit(&self, old: &str, new: &str) {
        let source = fs::read_to_string(self.0.join("src/lib.rs")).expect("there is a source");
        assert!(source.contains(old), "{old} is not in:\n{source}");
        self.put("src/lib.rs", &source.replace(old, new));
    }

    /// Runs cargo in it, to a good end.
    ///
    /// # Panics
    /// If it comes to no good end.
    pub fn cargo(&self, arguments: &[&str]) -> Output {
        let output = Command::new("cargo")
            .args(arguments)
            .current_dir(&self.0)
            .env_remove("CARGO_TARGET_DIR")
            .output()
            .expect("cargo can be run");
        assert!(output.status.success(), "cargo {arguments:?}: {output:#?}");
        output
    }

    /// The component of this name that cargo has built.
    pub fn component(&self, name: &str) -> PathBuf {
        let release = paths::projects().join("target/wasm32-wasip2/release");
        release.join(name).with_extension("wasm")
    }
}
