//! The steps of a long run, and how long each took.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::Result;

/// Times steps. Prints each as it ends, and a table of all when dropped, so that a
/// run that fails prints the table too.
#[derive(Default)]
pub(crate) struct Steps(Vec<Step>);

struct Step {
    name: &'static str,
    took: Duration,
    failed: bool,
}

impl Steps {
    /// Runs a step.
    ///
    /// # Errors
    /// The step's own.
    pub(crate) fn run<T>(
        &mut self,
        name: &'static str,
        step: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let begun = Instant::now();
        let result = step();
        let step = Step { name, took: begun.elapsed(), failed: result.is_err() };
        eprintln!("xtask: step{step}");
        self.0.push(step);
        result
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        let took = self.0.iter().map(|step| step.took).sum();
        let failed = self.0.iter().any(|step| step.failed);
        let all = Step { name: "all", took, failed };
        eprintln!("xtask: the steps of this run");
        for step in self.0.iter().chain([&all]) {
            eprintln!("{step}");
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.failed { "  failed" } else { "" };
        write!(f, "  {:<24}{:>8.1} s{end}", self.name, self.took.as_secs_f64())
    }
}
