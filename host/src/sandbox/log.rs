//! Lines that a guest logs or prints.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::Level;

use crate::{config::Config, messaging::ConnectionId, observe::printable};

/// The longest name of a line's source that is kept whole.
const SOURCE_MAX_BYTES: usize = 64;

/// Where the lines of one instance go: to the host's log under the target
/// `guest`, tagged, cut and counted.
#[derive(Debug)]
pub struct GuestLog {
    plugin: Arc<str>,
    connection: ConnectionId,
    line_max_bytes: usize,
    lines_max_per_second: u32,
    budget: Mutex<Budget>,
    /// Lines that were begun, of standard output and error.
    begun: Mutex<[Vec<u8>; 2]>,
}

/// Where a guest prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Stdout,
    Stderr,
}

impl Output {
    fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

#[derive(Debug, Default)]
struct Budget {
    second: Option<Instant>,
    lines: u32,
    dropped: u64,
}

impl GuestLog {
    pub(super) fn new(plugin: Arc<str>, connection: ConnectionId, config: &Config) -> Self {
        Self {
            plugin,
            connection,
            line_max_bytes: config.log_line_max_bytes,
            lines_max_per_second: config.log_lines_max_per_second,
            budget: Mutex::default(),
            begun: Mutex::default(),
        }
    }

    /// Whether there is something in it that is not finished: a line, or a
    /// second in which lines were written, which are counted.
    pub(super) fn has_begun(&self) -> bool {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        begun.iter().any(|line| !line.is_empty())
            || budget.dropped > 0
            || budget.second.is_some_and(|second| second.elapsed() < Duration::from_secs(1))
    }

    /// Cuts what is printed into lines. A line that gets too long is ended.
    pub(super) fn print(&self, output: Output, bytes: &[u8]) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = &mut begun[output as usize];
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            for part in part.chunks(self.line_max_bytes) {
                begun.extend_from_slice(part);
                if begun.ends_with(b"\n") || begun.len() >= self.line_max_bytes {
                    self.end_line(output, &std::mem::take(begun));
                }
            }
        }
    }

    fn end_line(&self, output: Output, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        self.line(Level::INFO, output.name(), line.trim_end_matches(['\n', '\r']));
    }

    /// The least important level that anybody reads.
    pub(super) fn max_level() -> Option<Level> {
        [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR].into_iter().find(
            |level| match *level {
                Level::TRACE => tracing::enabled!(target: "guest", Level::TRACE),
                Level::DEBUG => tracing::enabled!(target: "guest", Level::DEBUG),
                Level::INFO => tracing::enabled!(target: "guest", Level::INFO),
                Level::WARN => tracing::enabled!(target: "guest", Level::WARN),
                _ => tracing::enabled!(target: "guest", Level::ERROR),
            },
        )
    }

    /// Writes one line.
    pub(super) fn line(&self, level: Level, source: &str, message: &str) {
        let Some(dropped) = self.take_from_budget() else { return };
        if dropped > 0 {
            tracing::warn!(target: "guest", plugin = %self.plugin, connection = %self.connection, dropped,
                "too many lines (log_lines_max_per_second): some were dropped");
        }
        let message = printable(message, self.line_max_bytes);
        let source = printable(source, SOURCE_MAX_BYTES);
        macro_rules! write {
            ($level:expr) => {
                tracing::event!(target: "guest", $level, plugin = %self.plugin,
                    connection = %self.connection, source = %source, "{message}")
            };
        }
        match level {
            Level::ERROR => write!(Level::ERROR),
            Level::WARN => write!(Level::WARN),
            Level::INFO => write!(Level::INFO),
            Level::DEBUG => write!(Level::DEBUG),
            _ => write!(Level::TRACE),
        }
    }

    /// None: too many lines this second. Else how many were dropped before.
    fn take_from_budget(&self) -> Option<u64> {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if budget.second.is_none_or(|second| now - second >= Duration::from_secs(1)) {
            budget.second = Some(now);
            budget.lines = 0;
        }
        if budget.lines >= self.lines_max_per_second {
            budget.dropped += 1;
            return None;
        }
        budget.lines += 1;
        Some(std::mem::take(&mut budget.dropped))
    }
}

impl Drop for GuestLog {
    fn drop(&mut self) {
        let begun = std::mem::take(&mut self.begun);
        let begun = begun.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (output, line) in [Output::Stdout, Output::Stderr].into_iter().zip(begun) {
            if !line.is_empty() {
                self.end_line(output, &line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_lines_are_dropped_and_counted() {
        let mut config = Config::default();
        config.set("log_lines_max_per_second=2").unwrap();
        let log = GuestLog::new("test".into(), ConnectionId::random(), &config);
        assert_eq!(log.take_from_budget(), Some(0));
        assert_eq!(log.take_from_budget(), Some(0));
        assert_eq!(log.take_from_budget(), None);
        log.budget.lock().unwrap().second = None;
        assert_eq!(log.take_from_budget(), Some(1));
    }
}
