//! The program run to its end, as a person does who mistypes.

use std::process::Stdio;

use tokio::process::Command;

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
pub async fn run_to_end<A: AsRef<std::ffi::OsStr>>(arguments: &[A]) -> Finished {
    let run = Command::new(paths::program())
        .args(arguments)
        .env_remove("WSHOST_LOG")
        .env("WSHOST_CACHE", paths::cache())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = patiently("the program's end", run).await.expect("wshost can be started");
    Finished {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
