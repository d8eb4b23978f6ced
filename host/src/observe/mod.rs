//! What an operator sees: the log.

mod seldom;

use std::io::{self, IsTerminal as _};

use anyhow::{Context as _, Result};
use tracing_subscriber::EnvFilter;

pub use seldom::Seldom;

/// Sends the log to standard error, as `filter` says (`info,guest=debug`).
///
/// # Errors
/// A filter that does not parse; a second call in one process.
pub fn log_to_stderr(filter: &str) -> Result<()> {
    let parsed = EnvFilter::builder().parse(filter).with_context(|| {
        format!("`{filter}` is no log filter: give a level, or `info,guest=debug`")
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .try_init()
        .map_err(|error| anyhow::anyhow!("can't start the log: {error}"))
}
