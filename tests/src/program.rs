//! The program run to its end, as a person does who mistypes.

use std::{ffi::OsStr, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::{paths, patiently};

/// What a run of the program left.
#[derive(Debug)]
pub struct Finished {
    /// Its exit status.
    pub status: Option<i32>,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
}

impl Finished {
    /// What a run that failed says of it: one line on standard error, besides
    /// those that tell how far it came.
    ///
    /// # Panics
    /// If it did not fail with status 1, or said more or less.
    #[track_caller]
    pub fn only_line(&self) -> &str {
        assert_eq!(self.status, Some(1), "{self:?}");
        let lines: Vec<&str> =
            self.stderr.lines().filter(|line| !line.contains(" INFO ")).collect();
        assert_eq!(lines.len(), 1, "not one line:\n{}", self.stderr);
        assert_eq!(self.stdout, "");
        lines[0].strip_prefix("wshost: ").unwrap_or_else(|| panic!("who says {:?}?", lines[0]))
    }
}

/// Runs `wshost` with these arguments. It must end by itself.
///
/// # Panics
/// If it can't be started, or does not end.
pub async fn run_to_end<A: AsRef<OsStr>>(arguments: &[A]) -> Finished {
    finish(start(&[], arguments)).await
}

/// The same, with these variables.
///
/// # Panics
/// As [`run_to_end`].
pub async fn run_with<A: AsRef<OsStr>>(variables: &[(&str, &str)], arguments: &[A]) -> Finished {
    finish(start(variables, arguments)).await
}

/// Runs `wshost` with these arguments, and interrupts it, as Ctrl-C does, once
/// the event has happened.
///
/// # Panics
/// If it can't be started, the event does not happen, or it does not end.
pub async fn run_until<A: AsRef<OsStr>>(arguments: &[A], event: impl Future) -> Finished {
    let program = start(&[], arguments);
    patiently("what the program is interrupted at", event).await;
    let pid = program.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    let pid = pid.expect("the program has not ended by itself");
    kill_process(pid, Signal::INT).expect("it can be interrupted");
    finish(program).await
}

fn start<A: AsRef<OsStr>>(variables: &[(&str, &str)], arguments: &[A]) -> Child {
    Command::from(paths::command())
        .args(arguments)
        .env("WSHOST_CACHE", paths::cache())
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("wshost can be started")
}

async fn finish(program: Child) -> Finished {
    let ended = patiently("the program's end", program.wait_with_output()).await;
    let output = ended.expect("the program is this process's child");
    Finished {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
