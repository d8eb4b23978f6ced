//! What has happened.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// How many losses are described.
const DESCRIBED: usize = 20;

/// Counts, shared by all tasks.
#[derive(Debug, Default)]
pub(super) struct Tally {
    checked: AtomicU64,
    sessions: AtomicU64,
    faults: Mutex<BTreeMap<&'static str, u64>>,
    losses: Mutex<Losses>,
}

#[derive(Debug, Default)]
struct Losses {
    count: u64,
    described: Vec<String>,
}

impl Tally {
    /// A message came as it should.
    pub(super) fn checked(&self) {
        self.checked.fetch_add(1, Relaxed);
    }

    /// One who behaves well has come.
    pub(super) fn came(&self) {
        self.sessions.fetch_add(1, Relaxed);
    }

    /// A fault was injected.
    pub(super) fn fault(&self, kind: &'static str) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    }

    /// One who behaves well has not got what it should.
    pub(super) fn lost(&self, what: String) {
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        losses.count += 1;
        if losses.described.len() < DESCRIBED {
            losses.described.push(what);
        }
    }

    pub(super) fn messages_checked(&self) -> u64 {
        self.checked.load(Relaxed)
    }

    pub(super) fn sessions(&self) -> u64 {
        self.sessions.load(Relaxed)
    }

    pub(super) fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many there were, and what the first of them was.
    pub(super) fn losses(&self) -> (u64, Vec<String>) {
        let losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        (losses.count, losses.described.clone())
    }
}
