//! Where the things under test are, seen from the running test, so that they
//! are found wherever the target directory is.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The host.
///
/// # Panics
/// If it is not built.
pub fn program() -> PathBuf {
    built(profile_directory().join("wshost"))
}

/// The host, to be started: of the variables of this process it has none that are the
/// host's or OpenTelemetry's, so that what a developer sets for others changes no test.
/// It logs text.
///
/// # Panics
/// If it is not built.
pub fn command() -> Command {
    without_variables(Command::new(program()))
}

/// The same, started by another program.
pub(crate) fn command_by(mut starter: Command) -> Command {
    starter.arg(program());
    without_variables(starter)
}

fn without_variables(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if ["WSHOST_", "OTEL_"].iter().any(|of| name.to_string_lossy().starts_with(of)) {
            command.env_remove(name);
        }
    }
    command.env("WSHOST_LOG_FORMAT", "text");
    command
}

/// The component of the guest of this name.
///
/// # Panics
/// If it is not built.
pub fn guest(name: &str) -> PathBuf {
    built(target_directory().join("wasm32-wasip2/release").join(name).with_extension("wasm"))
}

/// Where hosts keep compiled code, so that only the first one compiles.
pub fn cache() -> PathBuf {
    target_directory().join("wshost-tests-cache")
}

/// Where projects of handlers are made, and built.
pub(crate) fn projects() -> PathBuf {
    target_directory().join("wshost-tests-projects")
}

fn built(path: PathBuf) -> PathBuf {
    assert!(
        path.exists(),
        "{} is missing: `cargo xtask test` builds all that the tests need",
        path.display()
    );
    path
}

/// Of `target/release/deps/test-0123`, `target/release`.
fn profile_directory() -> PathBuf {
    let test = std::env::current_exe().expect("the test knows where it is");
    let directory = test.parent().and_then(Path::parent);
    directory.expect("a test stands in a target directory").to_owned()
}

fn target_directory() -> PathBuf {
    let directory = profile_directory();
    directory.parent().expect("a profile's directory stands in the target directory").to_owned()
}
