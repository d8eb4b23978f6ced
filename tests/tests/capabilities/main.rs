//! What plugins are granted, and what they are not.

mod configuration;
mod files;
mod http;
mod key_value;
mod refused;

use std::{cell::Cell, fs, path::PathBuf};

use tempfile::TempDir;
use wshost_tests::{Host, HostBuilder};

/// A host of the guest that uses what it is granted, with these arguments besides
/// those without which it would not be loaded.
fn granted(arguments: &[&str]) -> HostBuilder {
    let needed = ["--http", "unreachable.invalid", "--key-value", "own"];
    let arguments = needed.iter().chain(arguments);
    arguments.fold(Host::of("granted"), |host, argument| host.argument(argument))
}

/// Waits until handlers fell asleep so many times in all.
async fn asleep(host: &Host, times: usize) {
    let seen = Cell::new(0);
    let enough = |line: &str| {
        seen.set(seen.get() + usize::from(line.contains(" asleep ")));
        seen.get() >= times
    };
    host.log().line(enough).await;
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn text(path: PathBuf) -> String {
    path.into_os_string().into_string().expect("a path in UTF-8")
}

fn write(directory: &TempDir, name: &str, content: &str) -> String {
    let path = directory.path().join(name);
    fs::write(&path, content).expect("the file can be written");
    text(path)
}
