//! Lines that a guest logs or prints.

use std::{
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::Level;

use crate::{
    messaging::ConnectionId,
    observe::{Budget, GuestLine, printable},
    tenant::Tenant,
};

/// The longest name of a line's source that is kept whole.
const SOURCE_MAX_BYTES: usize = 64;

/// Where the lines of one instance go: to the host's log under the target
/// `guest::` and the plugin's name, tagged, cut and counted.
#[derive(Debug)]
pub struct GuestLog {
    tenant: Arc<Tenant>,
    pub(super) connection: ConnectionId,
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

impl GuestLog {
    pub(super) fn new(tenant: Arc<Tenant>, connection: ConnectionId) -> Self {
        Self { tenant, connection, budget: Mutex::default(), begun: Mutex::default() }
    }

    /// Whether there is something in it that is not finished: a line, or a
    /// second in which lines were written, which are counted.
    pub(super) fn has_begun(&self) -> bool {
        let begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        begun.iter().any(|line| !line.is_empty()) || budget.has_begun()
    }

    /// Cuts what is printed into lines. A line that gets too long is ended.
    pub(super) fn print(&self, output: Output, bytes: &[u8]) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = &mut begun[output as usize];
        let line_max_bytes = self.tenant.config.log_line_max_bytes;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            for part in part.chunks(line_max_bytes) {
                begun.extend_from_slice(part);
                if begun.ends_with(b"\n") || begun.len() >= line_max_bytes {
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
    pub(super) fn max_level(&self) -> Option<Level> {
        self.tenant.guest_target.max_level()
    }

    /// Writes one line, if anybody reads it.
    pub(super) fn line(&self, level: Level, source: &str, message: &str) {
        let Self { tenant, connection, .. } = self;
        if !tenant.guest_target.is_read(level) {
            return;
        }
        let Some(dropped) = self.take_from_budget() else { return };
        if dropped > 0 {
            let message = "too many lines (log_lines_max_per_second): some were dropped";
            self.write_dropped(message, Some(connection), dropped);
        }
        let Some(dropped) = tenant.take_log_line() else { return };
        if dropped > 0 {
            let message = "too many lines (plugin_log_lines_max_per_second): some were dropped";
            self.write_dropped(message, None, dropped);
        }
        let line = GuestLine {
            message: &printable(message, tenant.config.log_line_max_bytes),
            plugin: &tenant.name,
            connection: Some(connection),
            source: Some(&printable(source, SOURCE_MAX_BYTES)),
            dropped: None,
        };
        tenant.guest_target.write(level, &line);
    }

    fn write_dropped(&self, message: &str, connection: Option<&dyn Display>, dropped: u64) {
        let plugin = &self.tenant.name;
        let line = GuestLine { message, plugin, connection, source: None, dropped: Some(dropped) };
        self.tenant.guest_target.write(Level::WARN, &line);
    }

    /// None: too many lines this second. Else how many were dropped before.
    fn take_from_budget(&self) -> Option<u64> {
        let setting = "log_lines_max_per_second";
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = budget.take(self.tenant.config.log_lines_max_per_second);
        if taken.is_none() {
            self.tenant.metrics.by_label.limit(setting);
        }
        taken
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
