//! Tools of cargo's that are not part of it.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::build::{cargo, run, target};

/// The program of this crate and version, in a folder of the target directory. It is
/// built at the first call: that takes minutes.
pub(crate) fn program(name: &str, version: &str) -> Result<PathBuf> {
    let folder = env::current_dir()?.join(target()).join(format!("{name}-{version}"));
    let program = folder.join("bin").join(name);
    if !program.exists() {
        install(name, version, &folder)?;
    }
    Ok(program)
}

fn install(name: &str, version: &str, folder: &Path) -> Result<()> {
    run(cargo(&["install", name, "--locked", "--version", version, "--root"])
        .arg(folder)
        // Built in a temporary folder: it has nothing in common with the host.
        .env_remove("CARGO_TARGET_DIR"))
}
