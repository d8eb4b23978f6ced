//! Everything that must hold before a change lands.

use std::{collections::BTreeSet, path::PathBuf, process::Command, thread};

use anyhow::{Context as _, Result, ensure};

use crate::{
    autobahn,
    build::{self, cargo, run},
    debian, deny, fuzz, python,
    steps::Steps,
};

/// The tests that run at once for each processor. Most of a test is waiting.
const TESTS_PER_PROCESSOR: usize = 3;

/// The most tests that run at once. Some of them hold thousands of sockets.
const TESTS_MAX: usize = 24;

/// Third-party programs that the tests run.
struct Programs {
    python: PathBuf,
    promtool: PathBuf,
    nats_server: PathBuf,
}

/// Runs all checks and tests, the quick ones first.
pub(crate) fn all() -> Result<()> {
    let mut steps = Steps::default();
    steps.run("format", || run(&mut cargo(&["fmt", "--all", "--check"])))?;
    steps.run("features", features)?;
    steps.run("deny", deny::check)?;
    steps.run("fuzz: lint", fuzz::lint)?;
    steps.run("guests", build::guests)?;
    steps.run("host", build::host)?;
    let programs = steps.run("programs of the tests", programs)?;
    // One profile for everything: the compiler in the host is built once.
    steps.run("clippy", clippy)?;
    steps.run("docs", docs)?;
    steps.run("tests: build", || run(&mut tests(&["--no-run"])))?;
    steps.run("tests: run", || run_tests(&programs))?;
    steps.run("fuzz", || fuzz::fuzz(&fuzz::targets()?, fuzz::SHORT))?;
    steps.run("autobahn", autobahn::check)
}

fn programs() -> Result<Programs> {
    Ok(Programs {
        python: python::environment()?,
        promtool: debian::promtool()?,
        nats_server: debian::nats_server()?,
    })
}

fn clippy() -> Result<()> {
    let clippy = ["clippy", "--release", "--workspace", "--all-targets", "--locked"];
    run(cargo(&clippy).args(["--", "--deny", "warnings"]))
}

fn docs() -> Result<()> {
    run(cargo(&["doc", "--release", "--workspace", "--no-deps", "--locked"])
        .env("RUSTDOCFLAGS", "--deny warnings"))
}

fn tests(arguments: &[&str]) -> Command {
    let mut tests = cargo(&["test", "--release", "--workspace", "--locked"]);
    tests.args(arguments);
    tests
}

fn run_tests(programs: &Programs) -> Result<()> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let threads = (TESTS_PER_PROCESSOR * processors).min(TESTS_MAX);
    run(tests(&[])
        .env("WSHOST_TEST_PYTHON", &programs.python)
        .env("WSHOST_TEST_PROMTOOL", &programs.promtool)
        .env("WSHOST_TEST_NATS_SERVER", &programs.nats_server)
        .env("RUST_TEST_THREADS", threads.to_string()))
}

/// Checks that the tests' crates enable no feature of a dependency of the host that the
/// host itself does not: with one more feature, wasmtime is compiled a second time.
fn features() -> Result<()> {
    let host = crates_with_features(&["--package", "wshost", "--edges", "no-dev"])?;
    let all = crates_with_features(&["--workspace"])?;
    let differing: Vec<&String> = host.difference(&all).collect();
    ensure!(
        differing.is_empty(),
        "the tests enable more features of these crates than the host does; enable them in host/Cargo.toml too: {differing:?}"
    );
    Ok(())
}

/// The crates that these packages are built of, each with the features it is built with.
fn crates_with_features(packages: &[&str]) -> Result<BTreeSet<String>> {
    let mut tree = cargo(&["tree", "--locked", "--prefix", "none", "--no-dedupe"]);
    let output = tree
        .args(packages)
        .args(["--format", "{p} with features {f}"])
        .output()
        .context("can't run cargo tree")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}
