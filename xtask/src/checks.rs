//! Everything that must hold before a change lands.

use anyhow::Result;

use crate::{
    autobahn,
    build::{self, cargo, run},
    debian, deny, fuzz, python,
};

/// Runs all checks and tests, the quick ones first.
pub(crate) fn all() -> Result<()> {
    run(&mut cargo(&["fmt", "--all", "--check"]))?;
    deny::check()?;
    fuzz::lint()?;
    build::guests()?;
    build::host()?;
    let python = python::environment()?;
    let (promtool, nats_server) = (debian::promtool()?, debian::nats_server()?);
    // One profile for everything: the compiler in the host is built once.
    run(&mut cargo(&[
        "clippy",
        "--release",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "--deny",
        "warnings",
    ]))?;
    run(cargo(&["doc", "--release", "--workspace", "--no-deps", "--locked"])
        .env("RUSTDOCFLAGS", "--deny warnings"))?;
    run(cargo(&["test", "--release", "--workspace", "--locked"])
        .env("WSHOST_TEST_PYTHON", python)
        .env("WSHOST_TEST_PROMTOOL", promtool)
        .env("WSHOST_TEST_NATS_SERVER", nats_server)
        // Most of a test is waiting.
        .env("RUST_TEST_THREADS", "6"))?;
    fuzz::fuzz(&fuzz::targets()?, fuzz::SHORT)?;
    autobahn::check()
}
