//! A Python environment, for the third-party clients of the tests and for programs that
//! PyPI has compiled.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};

use crate::build::{run, target};

/// The third-party clients.
const CLIENTS: &str = "tests/clients/requirements.txt";

/// The programs.
const PROGRAMS: &str = "xtask/requirements.txt";

/// Returns the Python of an environment that has the third-party clients.
pub(crate) fn environment() -> Result<PathBuf> {
    let folder = folder()?;
    install(&folder, CLIENTS)?;
    Ok(folder.join("bin/python"))
}

/// Returns the path of a program of `xtask/requirements.txt`.
///
/// # Errors
/// PyPI has no wheel for this platform, or can't be reached.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let folder = folder()?;
    install(&folder, PROGRAMS)?;
    Ok(folder.join("bin").join(name))
}

/// Returns the folder of the environment, which the first call makes.
fn folder() -> Result<PathBuf> {
    let folder = env::current_dir()?.join(target()).join("python");
    if !folder.join("bin/pip").exists() && make(&folder).is_err() {
        install_venv()?;
        make(&folder)?;
    }
    Ok(folder)
}

fn make(folder: &Path) -> Result<()> {
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))
}

/// Installs these requirements, if they have changed since the last call.
fn install(folder: &Path, requirements: &str) -> Result<()> {
    let installed = folder.join(requirements.replace('/', "-"));
    let wanted = fs::read_to_string(requirements)?;
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    run(Command::new(folder.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--requirement", requirements]))?;
    Ok(fs::write(installed, wanted)?)
}

/// Debian keeps `venv` in a package of its own.
fn install_venv() -> Result<()> {
    let apt = |arguments: &[&str]| run(Command::new("apt-get").args(arguments));
    let installed = apt(&["-qq", "update"]).and_then(|()| {
        apt(&["install", "--yes", "-qq", "--no-install-recommends", "python3-venv"])
    });
    if let Err(error) = installed {
        bail!(
            "a Python 3 with `venv` is needed for the tests; install it (Debian: python3-venv): {error}"
        );
    }
    Ok(())
}
