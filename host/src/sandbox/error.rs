//! How a call into a guest failed.

use std::fmt::Write as _;

use thiserror::Error;
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace, component::ResourceTableError};
use wasmtime_wasi::I32Exit;

use super::deadline::Overrun;

/// Frames shown of a guest's backtrace.
const BACKTRACE_FRAMES: usize = 20;

/// A call into a guest failed. The instance is not used again.
#[derive(Debug, Error)]
pub enum CallError {
    /// The guest trapped, or returned what its type does not allow.
    #[error("{what}{}{}", Reason(hit), Backtrace(backtrace))]
    Trap {
        /// The trap.
        what: String,
        /// The limit that ended it, or had refused it something before, if any.
        hit: &'static str,
        /// The guest's functions that were active, innermost first.
        backtrace: String,
    },
    /// The guest was cut short.
    #[error("{overrun}{}", Backtrace(backtrace))]
    Overrun {
        /// How.
        overrun: Overrun,
        /// The guest's functions that were active, innermost first.
        backtrace: String,
    },
    /// There is no room for one more instance now.
    #[error("found no room: {0}")]
    NoRoom(String),
}

/// What wasmtime says of values that are too large.
const VALUES_ERROR: &str = "fuel allocated for hostcalls has been exhausted";

struct Reason<'a>(&'a str);

impl std::fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " after it hit {}", self.0) }
    }
}

struct Backtrace<'a>(&'a str);

impl std::fmt::Display for Backtrace<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ", in {}", self.0) }
    }
}

impl CallError {
    /// What it is, in a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "trap",
            Self::Overrun { .. } => "time",
            Self::NoRoom(_) => "no_room",
        }
    }

    /// The setting that the guest went beyond, if it did.
    #[must_use]
    pub fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Trap { hit, .. } => Some(*hit).filter(|hit| !hit.is_empty()),
            Self::Overrun { overrun, .. } => Some(overrun.setting()),
            Self::NoRoom(_) => None,
        }
    }

    /// Of an instance that could not be made: there may have been no room for it.
    pub(super) fn of_making(error: &wasmtime::Error, hit: Option<&'static str>) -> Self {
        match hit {
            Some(total @ "plugin_memory_max_bytes") => Self::NoRoom(format!("{total} is used up")),
            _ => Self::new(error, hit),
        }
    }

    /// Tells the kinds apart. `hit` is the limit that refused the guest
    /// something before, if any did.
    pub(super) fn new(error: &wasmtime::Error, hit: Option<&'static str>) -> Self {
        let backtrace = error.downcast_ref::<WasmBacktrace>().map(functions).unwrap_or_default();
        if let Some(overrun) = error.downcast_ref::<Overrun>() {
            return Self::Overrun { overrun: *overrun, backtrace };
        }
        let hit = refused(error).or(hit);
        if let Some(full) = error.downcast_ref::<PoolConcurrencyLimitError>() {
            return Self::NoRoom(full.to_string());
        }
        let what = if let Some(trap) = error.downcast_ref::<Trap>() {
            format!("trapped: {trap}")
        } else if let Some(exit) = error.downcast_ref::<I32Exit>() {
            format!("trapped: it called exit({})", exit.0)
        } else {
            format!("trapped: {}", error.root_cause())
        };
        Self::Trap { what, hit: hit.unwrap_or_default(), backtrace }
    }
}

/// The limit that an error is about.
fn refused(error: &wasmtime::Error) -> Option<&'static str> {
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return Some("resources_max");
    }
    // wasmtime keeps the type of this error to itself.
    error.root_cause().to_string().contains(VALUES_ERROR).then_some("values_max_bytes")
}

impl From<Overrun> for CallError {
    fn from(overrun: Overrun) -> Self {
        Self::Overrun { overrun, backtrace: String::new() }
    }
}

/// The names of the functions in a backtrace, innermost first, in one line.
fn functions(backtrace: &WasmBacktrace) -> String {
    let mut line = String::new();
    for frame in backtrace.frames().iter().take(BACKTRACE_FRAMES) {
        let separator = if line.is_empty() { "" } else { " < " };
        let _ = match frame.func_name() {
            Some(name) => write!(line, "{separator}{:#}", rustc_demangle::demangle(name)),
            None => write!(line, "{separator}function {}", frame.func_index()),
        };
    }
    line
}
