//! Lines that a guest logs or prints.

use std::{
    fmt::Display,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tracing::Level;

use crate::{
    messaging::ConnectionId,
    observe::{Budget, GuestLine, printable},
    tenant::Tenant,
};

/// The longest name of a line's source that is kept whole.
const SOURCE_MAX_BYTES: usize = 64;

/// The log of the connection that an instance serves at the time. Streams that the
/// guest holds write to it, whichever connection that is.
#[derive(Debug)]
pub struct GuestLog(Mutex<Lines>);

/// The lines of one connection: they go to the host's log under the target `guest::`
/// and the plugin's name, tagged, cut and counted.
#[derive(Debug)]
pub(super) struct Lines {
    tenant: Arc<Tenant>,
    connection: ConnectionId,
    budget: Budget,
    /// Lines that were begun, of standard output and error.
    begun: [Vec<u8>; 2],
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
    pub(super) fn of(lines: Lines) -> Self {
        Self(Mutex::new(lines))
    }

    /// Takes the connection's lines, if something in them is not finished.
    pub(super) fn take_begun(&self) -> Option<Box<Lines>> {
        let mut lines = self.lock();
        if !lines.has_begun() {
            return None;
        }
        let rest = Lines::new(lines.tenant.clone(), lines.connection);
        Some(Box::new(mem::replace(&mut *lines, rest)))
    }

    /// Goes on with the lines of another connection, whose own were taken.
    pub(super) fn begin(&self, connection: ConnectionId, begun: Option<Box<Lines>>) {
        let mut lines = self.lock();
        match begun {
            Some(begun) => *lines = *begun,
            None => {
                lines.connection = connection;
                lines.budget = Budget::default();
            }
        }
    }

    /// The connection.
    pub(super) fn connection(&self) -> ConnectionId {
        self.lock().connection
    }

    /// Cuts what is printed into lines. A line that gets too long is ended.
    pub(super) fn print(&self, output: Output, bytes: &[u8]) {
        self.lock().print(output, bytes);
    }

    /// The least important level that anybody reads.
    pub(super) fn max_level(&self) -> Option<Level> {
        self.lock().tenant.guest_target.max_level()
    }

    /// Writes one line, if anybody reads it.
    pub(super) fn line(&self, level: Level, source: &str, message: &str) {
        self.lock().line(level, source, message);
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    pub(super) fn new(tenant: Arc<Tenant>, connection: ConnectionId) -> Self {
        Self { tenant, connection, budget: Budget::default(), begun: Default::default() }
    }

    /// Whether there is something in it that is not finished: a line, or a
    /// second in which lines were written, which are counted.
    fn has_begun(&self) -> bool {
        self.begun.iter().any(|line| !line.is_empty()) || self.budget.has_begun()
    }

    fn print(&mut self, output: Output, bytes: &[u8]) {
        let line_max_bytes = self.tenant.config.log_line_max_bytes;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            for part in part.chunks(line_max_bytes) {
                let begun = &mut self.begun[output as usize];
                begun.extend_from_slice(part);
                if begun.ends_with(b"\n") || begun.len() >= line_max_bytes {
                    let line = mem::take(begun);
                    self.end_line(output, &line);
                }
            }
        }
    }

    fn end_line(&mut self, output: Output, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        self.line(Level::INFO, output.name(), line.trim_end_matches(['\n', '\r']));
    }

    fn line(&mut self, level: Level, source: &str, message: &str) {
        if !self.tenant.guest_target.is_read(level) {
            return;
        }
        let Some(dropped) = self.take_from_budget() else { return };
        let Self { tenant, connection, .. } = self;
        if dropped > 0 {
            let message = "too many lines (log_lines_max_per_second): some were dropped";
            write_dropped(tenant, message, Some(connection), dropped);
        }
        let Some(dropped) = tenant.take_log_line() else { return };
        if dropped > 0 {
            let message = "too many lines (plugin_log_lines_max_per_second): some were dropped";
            write_dropped(tenant, message, None, dropped);
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

    /// None: too many lines this second. Else how many were dropped before.
    fn take_from_budget(&mut self) -> Option<u64> {
        let taken = self.budget.take(self.tenant.config.log_lines_max_per_second);
        if taken.is_none() {
            self.tenant.metrics.by_label.limit("log_lines_max_per_second");
        }
        taken
    }
}

fn write_dropped(tenant: &Tenant, message: &str, connection: Option<&dyn Display>, dropped: u64) {
    let plugin = &tenant.name;
    let line = GuestLine { message, plugin, connection, source: None, dropped: Some(dropped) };
    tenant.guest_target.write(Level::WARN, &line);
}

impl Drop for Lines {
    fn drop(&mut self) {
        let begun = mem::take(&mut self.begun);
        for (output, line) in [Output::Stdout, Output::Stderr].into_iter().zip(begun) {
            if !line.is_empty() {
                self.end_line(output, &line);
            }
        }
    }
}
