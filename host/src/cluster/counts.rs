//! What is counted of a cluster.

use std::sync::{Mutex, PoisonError, atomic::AtomicU64};

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
    /// Messages that no node of this version writes, or that can't be a frame.
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
    /// Whether this error is another one than that before it: the client meets the same
    /// whenever it tries again.
    pub(super) fn is_new_error(&self, error: &str) -> bool {
        let mut said = self.error_said.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *said != error;
        error.clone_into(&mut said);
        is_new
    }
}
