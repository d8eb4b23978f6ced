//! What an operator sees: the log, and what is counted.

mod budget;
pub mod internal;
pub mod metrics;
mod seldom;
mod text;

use std::io::{self, IsTerminal as _};

use anyhow::{Result, anyhow};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

pub use self::{budget::Budget, metrics::Metrics, seldom::Seldom, text::printable};

/// Lines that wait to be written. When nobody takes them, more are dropped: the
/// log never holds up a connection.
const LINES_WAITING_MAX: usize = 10_000;

/// Sends the log to standard error, as `filter` says (`info,guest=debug`), by a
/// thread of its own. It is written to its end when what is returned is dropped.
///
/// # Errors
/// A filter that does not parse; a second call in one process.
pub fn log_to_stderr(filter: &str) -> Result<WorkerGuard> {
    let parsed = EnvFilter::builder().parse(filter).map_err(|error| {
        anyhow!("`{filter}` is no log filter: give a level, or `info,guest=debug` ({error})")
    })?;
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES_WAITING_MAX)
        .thread_name("log")
        .finish(io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(writer)
        .with_ansi(io::stderr().is_terminal())
        .log_internal_errors(false)
        .try_init()
        .map_err(|error| anyhow!("can't start the log: {error}"))?;
    Ok(guard)
}
