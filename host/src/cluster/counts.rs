//! What is counted of a cluster.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::observe::Seldom;

/// What is counted of a cluster.
#[derive(Debug, Default)]
pub struct Counts {
    /// Messages that were sent to NATS.
    pub sent: AtomicU64,
    /// Messages that were not: NATS was away, the queue was full, or they were too long.
    pub unsent: AtomicU64,
    /// Messages that came from NATS.
    pub received: AtomicU64,
    /// Messages that came faster than they could be taken.
    pub unread: AtomicU64,
    /// Messages that no node of this version writes, that can't be a frame, or are more
    /// than the plugin's settings allow.
    pub malformed: AtomicU64,
    /// Names that connections lost, as another node had given them to others.
    pub names_lost: AtomicU64,
    /// The last error of the client that was said since it was connected.
    pub(super) error_said: Mutex<String>,
    pub(super) unsent_said: Seldom,
    pub(super) unread_said: Seldom,
    pub(super) malformed_said: Seldom,
}

impl Counts {
    /// Counts a message for which there was no room, by this setting.
    pub(super) fn say_unread(&self, setting: &str) {
        self.unread.fetch_add(1, Relaxed);
        if let Some(others) = self.unread_said.say() {
            tracing::warn!(
                others,
                "other nodes publish faster than this one takes it ({setting}): messages are lost"
            );
        }
    }

    /// Counts a message that is left out, for this reason.
    pub(super) fn say_malformed(&self, why: &dyn fmt::Display) {
        self.malformed.fetch_add(1, Relaxed);
        if let Some(others) = self.malformed_said.say() {
            tracing::warn!(others, "a message from NATS was left out: {why}");
        }
    }

    /// Whether this error is another one than that before it: the client meets the same
    /// whenever it tries again.
    pub(super) fn is_new_error(&self, error: &str) -> bool {
        let mut said = self.error_said.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *said != error;
        error.clone_into(&mut said);
        is_new
    }
}
