//! The Python that runs the clients nobody here wrote.

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Result, bail};

use crate::build::{run, target};

const REQUIREMENTS: &str = "tests/clients/requirements.txt";

/// A virtual environment with what `requirements.txt` names; made at the first
/// call, and when that file has changed.
pub(crate) fn environment() -> Result<PathBuf> {
    let folder = env::current_dir()?.join(target()).join("python");
    let (python, made_for) = (folder.join("bin/python"), folder.join("requirements.txt"));
    let wanted = fs::read_to_string(REQUIREMENTS)?;
    if fs::read_to_string(&made_for).is_ok_and(|made_for| made_for == wanted) {
        return Ok(python);
    }
    if make(&folder).is_err() {
        install_venv()?;
        make(&folder)?;
    }
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--requirement", REQUIREMENTS]))?;
    fs::write(made_for, wanted)?;
    Ok(python)
}

fn make(folder: &PathBuf) -> Result<()> {
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))
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
