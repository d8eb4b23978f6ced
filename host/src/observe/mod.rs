//! What an operator sees: the log, and what is counted.

mod budget;
pub mod metrics;
mod seldom;
mod text;

use std::{
    io::{self, IsTerminal as _},
    sync::Arc,
};

use anyhow::{Result, anyhow};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

pub use self::{budget::Budget, metrics::Metrics, seldom::Seldom, text::printable};

/// Lines that wait to be written. When nobody takes them, more are dropped: the
/// log never holds up a connection.
const LINES_WAITING_MAX: usize = 10_000;

/// The log. It is written to its end when this is dropped.
pub struct Log {
    /// What is logged.
    pub filter: Arc<LogFilter>,
    _writer: WorkerGuard,
}

/// What is logged, which can be changed.
pub struct LogFilter {
    set: Box<dyn Fn(EnvFilter) + Send + Sync>,
    text: Box<dyn Fn() -> String + Send + Sync>,
}

impl LogFilter {
    /// Logs what this says from now on.
    pub fn set(&self, filter: EnvFilter) {
        (self.set)(filter);
    }

    /// As text, in the form that [`log_filter`] reads.
    #[must_use]
    pub fn text(&self) -> String {
        (self.text)()
    }
}

/// What is to be logged, as in `info,guest=debug`.
///
/// # Errors
/// It does not parse.
pub fn log_filter(text: &str) -> Result<EnvFilter> {
    EnvFilter::builder().parse(text).map_err(|error| {
        anyhow!("`{text}` is no log filter: give a level, or `info,guest=debug` ({error})")
    })
}

/// Sends the log to standard error, as `filter` says, by a thread of its own.
///
/// # Errors
/// A second call in one process.
pub fn log_to_stderr(filter: EnvFilter) -> Result<Log> {
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES_WAITING_MAX)
        .thread_name("log")
        .finish(io::stderr());
    let log = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_ansi(io::stderr().is_terminal())
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_filter_reloading();
    let handle = log.reload_handle();
    log.try_init().map_err(|error| anyhow!("can't start the log: {error}"))?;
    let now = handle.clone();
    // These fail only where the log is gone.
    let set = Box::new(move |filter| _ = handle.reload(filter));
    let text = Box::new(move || now.with_current(EnvFilter::to_string).unwrap_or_default());
    Ok(Log { filter: Arc::new(LogFilter { set, text }), _writer: guard })
}
