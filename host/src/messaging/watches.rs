//! Who is told when a connection ends: those who monitor it, and those who asked it
//! something and wait for the answer.

use std::collections::BTreeSet;

use dashmap::{DashMap, Entry};

use super::ConnectionId;

/// What somebody waits for of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watch {
    /// Who waits.
    pub by: ConnectionId,
    /// The answer to this call; none: its end.
    pub call: Option<u64>,
}

/// The watches of a node's connections.
#[derive(Debug, Default)]
pub(super) struct Watches {
    of: DashMap<ConnectionId, BTreeSet<Watch>>,
}

impl Watches {
    pub(super) fn add(&self, of: ConnectionId, watch: Watch) {
        self.of.entry(of).or_default().insert(watch);
    }

    /// False: there is none (any more).
    pub(super) fn remove(&self, of: ConnectionId, watch: &Watch) -> bool {
        let Entry::Occupied(mut watches) = self.of.entry(of) else { return false };
        let was_there = watches.get_mut().remove(watch);
        if watches.get().is_empty() {
            watches.remove();
        }
        was_there
    }

    /// All those of one that has ended.
    pub(super) fn take(&self, of: ConnectionId) -> BTreeSet<Watch> {
        self.of.remove(&of).map(|(_, watches)| watches).unwrap_or_default()
    }

    /// Forgets those of connections for whom this holds.
    pub(super) fn forget(&self, those: impl Fn(ConnectionId) -> bool) {
        self.of.retain(|_, watches| {
            watches.retain(|watch| !those(watch.by));
            !watches.is_empty()
        });
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }
}
