//! The timers of one connection.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Timers in the order they fire. One started by a callback begins to count
/// when the callback has returned.
#[derive(Debug, Default)]
pub struct Timers {
    running: BTreeMap<(Instant, u64), Box<[u8]>>,
    started: Vec<Started>,
    last_id: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Started {
    id: u64,
    after: Duration,
    payload: Box<[u8]>,
}

/// A timer whose time has come.
#[derive(Debug, PartialEq, Eq)]
pub struct Fired {
    /// Its id.
    pub id: u64,
    /// What it was given.
    pub payload: Box<[u8]>,
}

impl Timers {
    /// None, after `last_id` others.
    #[must_use]
    pub fn after(last_id: u64) -> Self {
        Self { last_id, ..Self::default() }
    }

    /// The last one's id; 0: there was none.
    #[must_use]
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.running.len() + self.started.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of all payloads.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Starts one, to fire once `after` from the next [`commit`](Self::commit).
    pub fn start(&mut self, after: Duration, payload: Vec<u8>) -> u64 {
        self.last_id += 1;
        self.bytes += payload.len();
        self.started.push(Started { id: self.last_id, after, payload: payload.into() });
        self.last_id
    }

    /// Stops one. False: there is none of this id.
    pub fn cancel(&mut self, id: u64) -> bool {
        let payload = if let Some(at) = self.started.iter().position(|timer| timer.id == id) {
            Some(self.started.remove(at).payload)
        } else {
            let key = self.running.keys().find(|key| key.1 == id).copied();
            key.and_then(|key| self.running.remove(&key))
        };
        self.bytes -= payload.as_ref().map_or(0, |payload| payload.len());
        payload.is_some()
    }

    /// Lets those started since the last call begin to count. The clock is read
    /// only if there are any.
    pub fn commit(&mut self, now: impl FnOnce() -> Instant) {
        if self.started.is_empty() {
            return;
        }
        let now = now();
        for Started { id, after, payload } in self.started.drain(..) {
            self.running.insert((now + after, id), payload);
        }
    }

    /// When the next one fires.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.running.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes one whose time has come.
    pub fn fire(&mut self, now: Instant) -> Option<Fired> {
        let first = self.running.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let ((_, id), payload) = first.remove_entry();
        self.bytes -= payload.len();
        Some(Fired { id, payload })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn timers_fire_in_order_from_the_commit() {
        let mut timers = Timers::default();
        let now = Instant::now();
        let late = timers.start(20 * MS, b"late".to_vec());
        let soon = timers.start(10 * MS, b"soon".to_vec());
        assert_eq!(timers.next(), None);
        timers.commit(|| now);
        assert_eq!((timers.len(), timers.bytes()), (2, 8));
        assert_eq!(timers.fire(now + 9 * MS), None);
        assert_eq!(timers.fire(now + 10 * MS).map(|timer| timer.id), Some(soon));
        assert_eq!(timers.fire(now + 10 * MS), None);
        assert_eq!(timers.fire(now + 30 * MS).map(|timer| timer.id), Some(late));
        assert_eq!((timers.len(), timers.bytes()), (0, 0));
    }

    #[test]
    fn a_cancelled_timer_never_fires() {
        let mut timers = Timers::default();
        let now = Instant::now();
        let running = timers.start(MS, b"a".to_vec());
        timers.commit(|| now);
        let started = timers.start(MS, b"b".to_vec());
        assert!(timers.cancel(running) && timers.cancel(started));
        assert!(!timers.cancel(running) && !timers.cancel(99));
        timers.commit(|| now);
        assert_eq!(timers.fire(now + 5 * MS), None);
        assert_eq!(timers.bytes(), 0);
    }
}
