//! promtool, which says whether Prometheus can read the metrics.

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::build::{run, target};

/// promtool: the system's, or that of Debian's package `prometheus`, which is unpacked
/// in the target directory at the first call. Nothing of it is installed.
pub(crate) fn program() -> Result<PathBuf> {
    let on_path = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join("promtool"))
        .find(|program| program.is_file());
    if let Some(program) = on_path {
        return Ok(program);
    }
    let folder = env::current_dir()?.join(target()).join("prometheus");
    let program = folder.join("usr/bin/promtool");
    if !program.exists() {
        unpack(&folder).context(
            "promtool is needed for the tests; install it (Debian: the package prometheus)",
        )?;
    }
    Ok(program)
}

fn unpack(folder: &PathBuf) -> Result<()> {
    // What a run that was interrupted has left would be a second package.
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    run(Command::new("apt-get").args(["-qq", "update"]))?;
    run(Command::new("apt-get").args(["-qq", "download", "prometheus"]).current_dir(folder))?;
    let package = fs::read_dir(folder)?.next().context("there is no package")??.path();
    run(Command::new("dpkg-deb").arg("--extract").args([&package, folder]))?;
    Ok(fs::remove_file(package)?)
}
