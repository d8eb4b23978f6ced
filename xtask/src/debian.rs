//! Programs that tests and measurements need, from Debian's packages.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::build::{run, target};

/// promtool, which says whether Prometheus can read the metrics.
pub(crate) fn promtool() -> Result<PathBuf> {
    program("prometheus", "usr/bin/promtool")
}

/// The server that the tests of clusters start.
pub(crate) fn nats_server() -> Result<PathBuf> {
    program("nats-server", "usr/sbin/nats-server")
}

/// valgrind, with its own tools.
pub(crate) fn valgrind() -> Result<Command> {
    let program = program("valgrind", "usr/bin/valgrind")?;
    let mut command = Command::new(&program);
    let tools = program.with_file_name("../libexec/valgrind");
    if tools.is_dir() {
        command.env("VALGRIND_LIB", tools);
    }
    Ok(command)
}

/// A program of a package: the system's, or that of the package, which is unpacked in the
/// target directory at the first call. Nothing of it is installed.
fn program(package: &str, path: &str) -> Result<PathBuf> {
    let name = Path::new(path).file_name().unwrap_or_default();
    let on_path = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join(name))
        .find(|program| program.is_file());
    if let Some(program) = on_path {
        return Ok(program);
    }
    let folder = env::current_dir()?.join(target()).join(package);
    let program = folder.join(path);
    if !program.exists() {
        unpack(package, &folder).with_context(|| {
            format!("{} is needed; install it (Debian: the package {package})", name.display())
        })?;
    }
    Ok(program)
}

fn unpack(package: &str, folder: &PathBuf) -> Result<()> {
    // What a run that was interrupted has left would be a second package.
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    run(Command::new("apt-get").args(["-qq", "update"]))?;
    run(Command::new("apt-get").args(["-qq", "download", package]).current_dir(folder))?;
    let package = fs::read_dir(folder)?.next().context("there is no package")??.path();
    run(Command::new("dpkg-deb").arg("--extract").args([&package, folder]))?;
    Ok(fs::remove_file(package)?)
}
