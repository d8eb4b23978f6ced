//! A directory of plugins, served as it changes.

#![allow(clippy::unwrap_used)] // Its helpers are tests too.

mod beside;
mod deploying;
mod files;
mod left_behind;
mod load;

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use wshost_tests::{Client, Host, HostBuilder, Mode, guest};

/// A directory of plugins.
struct Plugins(TempDir);

impl Plugins {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Puts bytes in the place of a file at once, as tools that deploy do.
    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let beside = self.file(".new");
        fs::write(&beside, bytes).unwrap();
        fs::rename(beside, self.file(name)).unwrap();
    }

    fn host(&self) -> HostBuilder {
        Host::of_directory(self.path())
    }
}

/// A guest as it was built.
fn version(name: &str) -> Vec<u8> {
    fs::read(guest(name)).unwrap()
}

/// The same, with another digest.
fn next_version(name: &str) -> Vec<u8> {
    nth_version(name, 1)
}

/// The same, with another digest for each number: a custom section more.
fn nth_version(name: &str, number: u8) -> Vec<u8> {
    let section = [0, 6, 4, b'n', b'e', b'x', b't', number];
    [&version(name)[..], &section].concat()
}

/// What names a version: its file's SHA-256, in hexadecimal digits.
fn digest(file: &[u8]) -> String {
    Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn open(mode: Mode, host: &Host, path: &str) -> Client {
    mode.ask(host).target(path).open().await
}

async fn deployed(host: &Host, times: usize) {
    host.log().lines_reach(times, &["plugin deployed"]).await;
}
