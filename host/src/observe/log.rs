//! The log: to standard error, by a thread of its own.

use std::{
    fmt,
    io::{self, IsTerminal as _},
    sync::Arc,
};

use anyhow::{Result, anyhow};
use clap::ValueEnum;
use tracing::Subscriber;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        Layer as Lines,
        format::{DefaultFields, Format},
    },
    layer::{Layer, SubscriberExt as _},
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt as _,
};

/// Lines that wait to be written. When nobody takes them, more are dropped: the
/// log never holds up a connection.
const LINES_WAITING_MAX: usize = 10_000;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    /// For people, with colours on a terminal.
    Text,
    /// One object a line.
    Json,
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

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

/// Sends the log to standard error, as `filter` says.
///
/// # Errors
/// A second call in one process.
pub fn log_to_stderr(filter: EnvFilter, format: LogFormat) -> Result<Log> {
    let terminal = io::stderr().is_terminal();
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES_WAITING_MAX)
        .thread_name("log")
        .finish(io::stderr());
    let lines = Lines::default().with_writer(writer).log_internal_errors(false);
    let lines = match format {
        LogFormat::Auto if !terminal => json(lines),
        LogFormat::Json => json(lines),
        LogFormat::Auto | LogFormat::Text => lines.with_ansi(terminal).boxed(),
    };
    let (filter, handle) = reload::Layer::new(filter);
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()
        .map_err(|error| anyhow!("can't start the log: {error}"))?;
    let now = handle.clone();
    // These fail only where the log is gone.
    let set = Box::new(move |filter| _ = handle.reload(filter));
    let text = Box::new(move || now.with_current(EnvFilter::to_string).unwrap_or_default());
    Ok(Log { filter: Arc::new(LogFilter { set, text }), _writer: guard })
}

/// Lines as objects, with their fields beside the message.
fn json<S>(lines: Lines<S, DefaultFields, Format, NonBlocking>) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    lines.json().flatten_event(true).boxed()
}
