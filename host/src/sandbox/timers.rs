//! The timers of one connection.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Timers in the order they fire. One started by a callback begins to count
/// when the callback has returned.
#[derive(Debug, Default)]
pub struct Timers {
    running: BTreeMap<(Instant, u64), Alarm>,
    started: Vec<Started>,
    last_id: u64,
    bytes: usize,
    calls: usize,
}

#[derive(Debug)]
struct Started {
    id: u64,
    after: Duration,
    alarm: Alarm,
}

/// What a timer is for.
#[derive(Debug, PartialEq, Eq)]
pub enum Alarm {
    /// To give the handler this.
    Payload(Box<[u8]>),
    /// To end the wait for the answer to a call.
    Call,
}

impl Alarm {
    fn bytes(&self) -> usize {
        match self {
            Self::Payload(payload) => payload.len(),
            Self::Call => 0,
        }
    }
}

/// A timer whose time has come.
#[derive(Debug, PartialEq, Eq)]
pub struct Fired {
    /// Its id.
    pub id: u64,
    /// What it was for.
    pub alarm: Alarm,
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

    /// How many of them are for calls.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// The bytes of all payloads.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Starts one, to fire once `after` from the next [`commit`](Self::commit).
    pub fn start(&mut self, after: Duration, alarm: Alarm) -> u64 {
        self.last_id += 1;
        self.bytes += alarm.bytes();
        self.calls += usize::from(alarm == Alarm::Call);
        self.started.push(Started { id: self.last_id, after, alarm });
        self.last_id
    }

    /// Stops one with a payload. False: there is none of this id.
    pub fn cancel(&mut self, id: u64) -> bool {
        self.stop(id, |alarm| matches!(alarm, Alarm::Payload(_)))
    }

    /// Stops one that is for a call. False: there is none of this id.
    pub fn answered(&mut self, call: u64) -> bool {
        self.stop(call, |alarm| *alarm == Alarm::Call)
    }

    fn stop(&mut self, id: u64, is_meant: impl Fn(&Alarm) -> bool) -> bool {
        let is_meant = |other: u64, alarm: &Alarm| other == id && is_meant(alarm);
        let alarm = if let Some(at) =
            self.started.iter().position(|timer| is_meant(timer.id, &timer.alarm))
        {
            Some(self.started.remove(at).alarm)
        } else {
            let found = self.running.iter().find(|((_, other), alarm)| is_meant(*other, alarm));
            let key = found.map(|(key, _)| *key);
            key.and_then(|key| self.running.remove(&key))
        };
        alarm.as_ref().is_some_and(|alarm| {
            self.forget(alarm);
            true
        })
    }

    fn forget(&mut self, alarm: &Alarm) {
        self.bytes -= alarm.bytes();
        self.calls -= usize::from(*alarm == Alarm::Call);
    }

    /// Lets those started since the last call begin to count. The clock is read
    /// only if there are any.
    pub fn commit(&mut self, now: impl FnOnce() -> Instant) {
        if self.started.is_empty() {
            return;
        }
        let now = now();
        for Started { id, after, alarm } in self.started.drain(..) {
            self.running.insert((now + after, id), alarm);
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
        let ((_, id), alarm) = first.remove_entry();
        self.forget(&alarm);
        Some(Fired { id, alarm })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn payload(payload: &[u8]) -> Alarm {
        Alarm::Payload(payload.into())
    }

    #[test]
    fn timers_fire_in_order_from_the_commit() {
        let mut timers = Timers::default();
        let now = Instant::now();
        let late = timers.start(20 * MS, payload(b"late"));
        let soon = timers.start(10 * MS, payload(b"soon"));
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
        let running = timers.start(MS, payload(b"a"));
        timers.commit(|| now);
        let started = timers.start(MS, payload(b"b"));
        assert!(timers.cancel(running) && timers.cancel(started));
        assert!(!timers.cancel(running) && !timers.cancel(99));
        timers.commit(|| now);
        assert_eq!(timers.fire(now + 5 * MS), None);
        assert_eq!(timers.bytes(), 0);
    }

    #[test]
    fn a_call_is_no_timer_to_cancel() {
        let mut timers = Timers::default();
        let (timer, call) = (timers.start(MS, payload(b"a")), timers.start(MS, Alarm::Call));
        assert_eq!((timers.len(), timers.calls()), (2, 1));
        assert!(!timers.cancel(call) && !timers.answered(timer));
        timers.commit(Instant::now);
        assert!(!timers.cancel(call) && !timers.answered(timer));
        assert!(timers.answered(call) && !timers.answered(call));
        assert_eq!((timers.len(), timers.calls()), (1, 0));
    }
}
