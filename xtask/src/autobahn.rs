//! `cargo xtask autobahn`: the Autobahn testsuite against the echo guest, through
//! the real host.
//!
//! The suite isn't part of the project. What runs it is a script, called as
//! `SCRIPT [--quick] --strict --require-all URL DIRECTORY`, which writes the
//! suite's reports to `DIRECTORY/reports` and fails if a case does.

mod table;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    build::{self, run, target},
    server::Kind,
};

pub(crate) const HELP: &str = "\
  autobahn          runs the Autobahn testsuite, by the script that WSHOST_AUTOBAHN
                    names, on the echo guest
    --full          every case, and writes the result to docs/conformance.md";

/// Names the script that runs the suite.
pub(crate) const SCRIPT: &str = "WSHOST_AUTOBAHN";
const DOCS: &str = "docs/conformance.md";

/// Runs the suite as the arguments say.
pub(crate) fn command(arguments: impl Iterator<Item = String>) -> Result<()> {
    let mut full = false;
    for argument in arguments {
        ensure!(argument == "--full", "autobahn has no option `{argument}`; it has:\n{HELP}");
        full = true;
    }
    let Some(script) = script()? else {
        bail!("{SCRIPT} must name the script that runs the Autobahn testsuite")
    };
    build::guests()?;
    build::host()?;
    if full { all(&script) } else { quick(&script) }
}

/// Runs a part of the suite, of guest and host as they are built. Without a
/// script that is left out, but not in CI.
pub(crate) fn check() -> Result<()> {
    if let Some(script) = script()? {
        return quick(&script);
    }
    ensure!(env::var_os("CI").is_none(), "in CI, {SCRIPT} must name the suite's script");
    eprintln!("xtask: the Autobahn testsuite is left out: {SCRIPT} names no script that runs it");
    Ok(())
}

/// The script, if one is named. Then it must be there.
fn script() -> Result<Option<PathBuf>> {
    let Some(script) = env::var_os(SCRIPT) else { return Ok(None) };
    let script = fs::canonicalize(&script).with_context(|| {
        format!("{SCRIPT}: there is no {}, seen from the project's folder", script.display())
    })?;
    Ok(Some(script))
}

fn quick(script: &Path) -> Result<()> {
    suite(script, &["--quick"], &target().join("autobahn"))
}

fn all(script: &Path) -> Result<()> {
    let folder = target().join("autobahn-full");
    // The document tells of failures too.
    let result = suite(script, &[], &folder);
    let reports = folder.join("reports/index.json");
    let index = fs::read(&reports).with_context(|| format!("can't read {}", reports.display()))?;
    let docs = fs::read_to_string(DOCS).with_context(|| format!("can't read {DOCS}"))?;
    fs::write(DOCS, table::put_into(&docs, &table::of(&index)?)?)?;
    result
}

fn suite(script: &Path, how: &[&str], folder: &Path) -> Result<()> {
    let server = Kind::Wshost.start(&target().join("release"))?;
    run(Command::new(script)
        .args(how)
        .args(["--strict", "--require-all", "--agent", "wshost", server.url()])
        .arg(folder))
}
