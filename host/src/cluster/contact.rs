//! Since when the other nodes can be heard.

use std::time::{Duration, Instant};

/// How often a node says that it is there, and looks who else is.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(1);
/// A heartbeat that comes so long after the one before is late.
const LATE: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub(super) struct Contact {
    /// Since when NATS is there, if it is.
    connected: Option<Instant>,
    has_settled: bool,
    /// Since when others would have been heard.
    hears_since: Instant,
    /// The last heartbeat.
    beat: Instant,
}

impl Contact {
    /// There is none yet.
    pub(super) fn new(now: Instant) -> Self {
        Self { connected: None, has_settled: false, hears_since: now, beat: now }
    }

    /// NATS is there.
    pub(super) fn come(&mut self, now: Instant) {
        *self = Self { connected: Some(now), ..Self::new(now) };
    }

    /// NATS is away.
    pub(super) fn go(&mut self) {
        self.connected = None;
    }

    pub(super) fn is_there(&self) -> bool {
        self.connected.is_some()
    }

    /// From when on all nodes that are there have said so: each says it once in this
    /// time.
    pub(super) fn settles(&self) -> Option<Instant> {
        self.connected.map(|connected| connected + HEARTBEAT)
    }

    pub(super) fn is_settled(&self, now: Instant) -> bool {
        self.settles().is_some_and(|settled| settled <= now)
    }

    /// Whether that is so for the first time.
    pub(super) fn has_just_settled(&mut self, now: Instant) -> bool {
        self.is_settled(now) && !std::mem::replace(&mut self.has_settled, true)
    }

    /// It is time for a heartbeat. Returns since when others would have been heard: if
    /// it is late, this host stood still, and heard nobody meanwhile.
    pub(super) fn beat(&mut self, now: Instant) -> Instant {
        if now > self.beat + LATE {
            self.hears_since = now;
        }
        self.beat = now;
        self.hears_since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stood_still_heard_nobody() {
        let begun = Instant::now();
        let mut contact = Contact::new(begun);
        contact.come(begun);
        for beat in 1..10 {
            assert_eq!(contact.beat(begun + beat * HEARTBEAT), begun);
        }
        let late = begun + 20 * HEARTBEAT;
        assert_eq!(contact.beat(late), late);
        assert_eq!(contact.beat(late + HEARTBEAT), late);
    }

    #[test]
    fn it_settles_once_for_each_connection() {
        let begun = Instant::now();
        let mut contact = Contact::new(begun);
        assert!(!contact.has_just_settled(begun + HEARTBEAT));
        contact.come(begun);
        assert!(!contact.has_just_settled(begun));
        assert!(contact.has_just_settled(begun + HEARTBEAT));
        assert!(!contact.has_just_settled(begun + HEARTBEAT));
        contact.go();
        assert!(!contact.is_settled(begun + HEARTBEAT));
        contact.come(begun + HEARTBEAT);
        assert!(contact.has_just_settled(begun + 2 * HEARTBEAT));
    }
}
