//! `cargo xtask deny`: licences, versions, sources and advisories of all crates that
//! are used, by cargo-deny and `deny.toml`.

use std::process::Command;

use anyhow::Result;

use crate::{build::run, tool};

pub(crate) const HELP: &str = "\
  deny              checks the licences, versions, sources and advisories of all
                    crates that are used";

const VERSION: &str = "0.18.9";

/// Checks them. Where the database of advisories can't be had, they are left out.
pub(crate) fn check() -> Result<()> {
    let program = tool::program("cargo-deny", VERSION)?;
    let deny = |arguments: &[&str]| run(Command::new(&program).args(arguments));
    deny(&["--locked", "check", "licenses", "bans", "sources"])?;
    if let Err(error) = deny(&["fetch", "db"]) {
        eprintln!("xtask: advisories are left out, their database can't be fetched: {error:#}");
        return Ok(());
    }
    deny(&["--locked", "check", "--disable-fetch", "advisories"])
}
