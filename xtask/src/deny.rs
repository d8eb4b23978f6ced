//! `cargo xtask deny`: licences, versions, sources and advisories of all crates that
//! are used, by cargo-deny and `deny.toml`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::build::{cargo, run, target};

pub(crate) const HELP: &str = "\
  deny              checks the licences, versions, sources and advisories of all
                    crates that are used";

/// The version that is installed, in a folder of the target directory.
const VERSION: &str = "0.18.9";

/// Checks them. Where the database of advisories can't be had, they are left out.
pub(crate) fn check() -> Result<()> {
    let program = program()?;
    let deny = |arguments: &[&str]| run(Command::new(&program).args(arguments));
    deny(&["--locked", "check", "licenses", "bans", "sources"])?;
    if let Err(error) = deny(&["fetch", "db"]) {
        eprintln!("xtask: advisories are left out, their database can't be fetched: {error:#}");
        return Ok(());
    }
    deny(&["--locked", "check", "--disable-fetch", "advisories"])
}

/// cargo-deny, which is built at the first call: that takes minutes.
fn program() -> Result<PathBuf> {
    let folder = env::current_dir()?.join(target()).join(format!("cargo-deny-{VERSION}"));
    let program = folder.join("bin/cargo-deny");
    if !program.exists() {
        install(&folder)?;
    }
    Ok(program)
}

fn install(folder: &Path) -> Result<()> {
    run(cargo(&["install", "cargo-deny", "--locked", "--version", VERSION, "--root"])
        .arg(folder)
        // Built in a temporary folder: it has nothing in common with the host.
        .env_remove("CARGO_TARGET_DIR"))
}
