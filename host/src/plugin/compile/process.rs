//! Starts a worker, gives it a component, and takes what it makes of it.

use std::{
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    time::timeout,
};

use super::Artifact;
use crate::{config::Config, observe::printable, plugin::error::Problem};

/// How much is taken of what a worker says of a failure.
const SAID_MAX_BYTES: usize = 4096;
/// Room for an artifact's head, beside the code.
const HEAD_MAX_BYTES: usize = 1 << 20;
/// The status of a `wshost` that failed and said why.
const FAILURE: i32 = 1;

/// Compiles a component in a process of its own.
///
/// # Errors
/// A component that is not valid; the limit that it went over; a worker that
/// can't be started or crashes.
pub(super) async fn compile(
    program: &Path,
    config: &Config,
    component: &[u8],
) -> Result<Artifact, Problem> {
    let wait = config.compile_wait_max_ms;
    // What is not waited for any more is killed: the worker is dropped.
    let done = timeout(Duration::from_millis(wait), run(program, config, component)).await;
    done.unwrap_or(Err(Problem::CompileWait(wait)))
}

async fn run(program: &Path, config: &Config, component: &[u8]) -> Result<Artifact, Problem> {
    let mut worker = command(program, config).spawn().map_err(Problem::NoCompiler)?;
    let (Some(mut input), Some(output), Some(errors)) =
        (worker.stdin.take(), worker.stdout.take(), worker.stderr.take())
    else {
        unreachable!("all three are piped")
    };
    let write = async {
        // A worker that ended already has said why.
        let _ = input.write_all(&(component.len() as u64).to_le_bytes()).await;
        let _ = input.write_all(component).await;
    };
    let max = config.code_max_bytes.saturating_add(HEAD_MAX_BYTES);
    let ((), made, said) = tokio::join!(write, read(output, max), read(errors, SAID_MAX_BYTES));
    let Some(made) = made else { return Err(Problem::CodeTooLarge(config.code_max_bytes)) };
    let status = worker.wait().await.map_err(Problem::NoCompiler)?;
    // Kept open until here: at its end the worker gives up.
    drop(input);
    if status.success() {
        return Artifact::read(made)
            .map_err(|error| Problem::Compiler(format!("what it made can't be used: {error}")));
    }
    let said = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
    Err(failure(status, &said, config))
}

/// The worker, with nothing of this process's but its settings.
fn command(program: &Path, config: &Config) -> Command {
    let mut command = Command::new(program);
    command.arg0("wshost").arg("compile");
    for (name, value) in [
        ("memory_max_bytes", config.memory_max_bytes as u64),
        ("compile_memory_max_bytes", config.compile_memory_max_bytes),
        ("compile_time_max_ms", config.compile_time_max_ms),
    ] {
        command.arg("--set").arg(format!("{name}={value}"));
    }
    command
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C is for the host, which then ends the worker.
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Reads to the end. None: there is more than `max_bytes`, or it can't be read.
async fn read(from: impl AsyncRead + Unpin, max_bytes: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(max_bytes as u64 + 1).read_to_end(&mut bytes).await.ok()?;
    (bytes.len() <= max_bytes).then_some(bytes)
}

/// Why a worker made nothing.
fn failure(status: ExitStatus, said: &str, config: &Config) -> Problem {
    let said = printable(said.trim(), SAID_MAX_BYTES);
    if starved(&said) {
        return Problem::CompileMemory(config.compile_memory_max_bytes);
    }
    if status.signal() == Some(rustix::process::Signal::XCPU.as_raw()) {
        return Problem::CompileTime(config.compile_time_max_ms);
    }
    match said.strip_prefix("wshost: ") {
        Some(why) if status.code() == Some(FAILURE) => Problem::Invalid(why.to_owned()),
        _ if said.is_empty() => Problem::Compiler(status.to_string()),
        _ => Problem::Compiler(format!("{status}: {said}")),
    }
}

/// Whether it was for want of memory: what Rust says when an allocation fails,
/// and the system when a mapping or a thread does.
fn starved(said: &str) -> bool {
    ["memory allocation of", "Cannot allocate memory", "Resource temporarily unavailable"]
        .iter()
        .any(|sign| said.contains(sign))
}
