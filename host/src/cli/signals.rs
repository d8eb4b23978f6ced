//! The signals that a host is told something by.

use std::{future::Future, io};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Those that end it, asked for before anything else is done.
pub(super) struct Signals {
    interrupted: Signal,
    terminated: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
        })
    }

    /// None: a signal came before it was done.
    pub(super) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.next() => None,
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }
}

/// The one that has it read its configuration again. Asked for early: it would end
/// the process otherwise.
pub(super) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}
