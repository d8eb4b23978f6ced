//! `cargo xtask fuzz`: builds the targets of `host/fuzz`, and runs them.
//!
//! The flags are those of cargo-fuzz without a sanitizer, and work with a stable
//! compiler; so nothing needs to be installed.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::build::{cargo, run, target};

pub(crate) const HELP: &str = "\
  fuzz [TARGET]     runs a fuzz target of host/fuzz, or all of them
    --seconds N     how long each (10)";

const MANIFEST: &str = "host/fuzz/Cargo.toml";
const TARGETS: &str = "host/fuzz/targets";
const SEEDS: &str = "host/fuzz/seeds";

/// How long each target runs where nothing else is said.
pub(crate) const SHORT: Duration = Duration::from_secs(10);

/// Targets that run at a time.
const AT_ONCE: usize = 2;

/// Counters in the code, and what it compares: what libFuzzer is led by.
const COVERAGE: [&str; 7] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    // Else the linker drops counters that libFuzzer has counted.
    "-Ccodegen-units=1",
];

/// What is enough for every rule; longer inputs are slower ones.
const INPUT_MAX_BYTES: usize = 4096;

/// Runs what the arguments name.
pub(crate) fn command(mut arguments: impl Iterator<Item = String>) -> Result<()> {
    let mut targets = targets()?;
    let mut duration = SHORT;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => {
                let seconds = arguments.next().context("--seconds needs a value")?;
                duration = Duration::from_secs(seconds.parse().context("--seconds")?);
            }
            name if targets.iter().any(|target| target == name) => targets = vec![name.into()],
            other => bail!("fuzz has no target `{other}`; it has: {}", targets.join(", ")),
        }
    }
    ensure!(duration > Duration::ZERO, "--seconds must be 1 at least: with 0 libFuzzer never ends");
    fuzz(&targets, duration)
}

/// All targets, by the files they stand in.
pub(crate) fn targets() -> Result<Vec<String>> {
    let files = fs::read_dir(TARGETS).with_context(|| format!("can't read {TARGETS}"))?;
    let mut targets = Vec::new();
    for file in files {
        targets.extend(file?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    targets.sort();
    Ok(targets)
}

/// Looks over the code of the targets, which the workspace's checks don't see.
pub(crate) fn lint() -> Result<()> {
    run(&mut cargo(&["fmt", "--manifest-path", MANIFEST, "--check"]))?;
    run(instrumented("clippy")?.args(["--all-targets", "--", "--deny", "warnings"]))
}

/// Builds and runs targets, each for this long. Each begins with the seeds and
/// with what earlier runs have found worth keeping.
pub(crate) fn fuzz(targets: &[String], duration: Duration) -> Result<()> {
    run(&mut instrumented("build")?)?;
    let waiting = Mutex::new(targets.iter());
    let failed = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(name) = next(&waiting) {
                    if let Err(error) = run_target(name, duration) {
                        eprintln!("fuzz: {name}: {error:#}");
                        *lock(&failed) += 1;
                    }
                }
            });
        }
    });
    let failed = *lock(&failed);
    println!("fuzz: {} passed, {failed} failed", targets.len() - failed);
    ensure!(failed == 0, "fuzzing found something");
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn next<'a>(waiting: &Mutex<impl Iterator<Item = &'a String>>) -> Option<&'a String> {
    lock(waiting).next()
}

fn run_target(name: &str, duration: Duration) -> Result<()> {
    let folder = folder()?;
    let corpus = folder.join("corpus").join(name);
    fs::create_dir_all(&corpus).with_context(|| format!("can't make {}", corpus.display()))?;
    let found = folder.join("found-");
    let log = folder.join(name).with_extension("log");
    let output = File::create(&log).with_context(|| format!("can't write {}", log.display()))?;
    let program = folder.join(host_triple()?).join("release").join(name);
    let status = Command::new(&program)
        .arg(&corpus)
        .arg(Path::new(SEEDS).join(name))
        .arg(format!("-max_total_time={}", duration.as_secs()))
        .arg(format!("-max_len={INPUT_MAX_BYTES}"))
        .arg(format!("-artifact_prefix={}{name}-", found.display()))
        .args(["-timeout=20", "-rss_limit_mb=1024", "-print_final_stats=1"])
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .status()
        .with_context(|| format!("can't run {}", program.display()))?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let value_of = |label: &str| {
        let line = text.lines().find_map(|line| line.split_once(label));
        line.map_or("?", |(_, value)| value.trim()).to_owned()
    };
    if !status.success() {
        let said = text.lines().skip_while(|line| !line.contains("panicked at")).take(4);
        let said: String = said.flat_map(|line| ["\n  ", line]).collect();
        bail!(
            "{status}{said}\n  log: {}\n  run it again: {} {}\n  once mended, keep the input in {SEEDS}/{name}",
            log.display(),
            program.display(),
            value_of("Test unit written to"),
        );
    }
    merge(&corpus, &program, output)?;
    let inputs = value_of("number_of_executed_units:");
    println!("fuzz: {name}: {inputs} inputs in {} s", duration.as_secs());
    Ok(())
}

/// Keeps only so many inputs as reach what all of them reach. Else they would become
/// more with every run. To be called where none of them fails: one that does is
/// left out.
fn merge(corpus: &Path, program: &Path, output: File) -> Result<()> {
    let fresh = corpus.with_extension("merged");
    // There where a run was ended in the midst of this.
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh).with_context(|| format!("can't make {}", fresh.display()))?;
    let status = Command::new(program)
        .args(["-merge=1", "-timeout=20", "-rss_limit_mb=1024"])
        .arg(format!("-max_len={INPUT_MAX_BYTES}"))
        .args([fresh.as_path(), corpus])
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()
        .with_context(|| format!("can't run {}", program.display()))?;
    ensure!(status.success(), "can't merge {}: {status}", corpus.display());
    fs::remove_dir_all(corpus)?;
    fs::rename(&fresh, corpus)?;
    Ok(())
}

/// Cargo for the targets. Their compiled code has a folder of its own, and only
/// what is linked into them is instrumented, not what runs at build time.
fn instrumented(command: &str) -> Result<Command> {
    let mut cargo = cargo(&[command, "--release", "--locked", "--manifest-path", MANIFEST]);
    cargo
        .args(["--target", &host_triple()?])
        .arg("--target-dir")
        .arg(folder()?)
        .env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\x1f"));
    Ok(cargo)
}

fn folder() -> Result<PathBuf> {
    Ok(env::current_dir()?.join(target()).join("fuzz"))
}

/// What the compiler compiles for by itself.
fn host_triple() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("can't run rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc -vV doesn't name the host")
}
