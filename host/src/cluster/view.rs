//! What is known of one other node.

use std::{
    collections::BTreeMap,
    ops::Bound,
    time::{Duration, Instant},
};

use super::facts::{Fact, Key};
use crate::messaging::Attendance;

/// How long what was asked for may be under way before it is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What is known of one other node.
#[derive(Debug)]
pub(super) struct View {
    /// When it was last heard.
    pub(super) heard: Instant,
    facts: BTreeMap<Key, Fact>,
    /// The last number of what it told all.
    said: u64,
    facts_are: Facts,
    /// The last number of what it told this node.
    noted: u64,
    /// How much of what it published it could not send.
    unsent: u64,
}

/// Whether the facts are those that the node has.
#[derive(Debug, PartialEq, Eq)]
enum Facts {
    Whole,
    /// Something was lost. When it was asked for, if it was.
    Missing(Option<Instant>),
    /// All of them are coming, and nothing was lost since they began to.
    Coming,
}

impl View {
    /// Of a node of which nothing was lost yet.
    pub(super) fn new(now: Instant) -> Self {
        let (said, noted, unsent) = (0, 0, 0);
        Self { heard: now, facts: BTreeMap::new(), said, facts_are: Facts::Whole, noted, unsent }
    }

    /// It told all something, of this number.
    pub(super) fn hear(&mut self, number: u64, now: Instant) {
        self.heard = now;
        let is_next = number == self.said.wrapping_add(1);
        self.said = number;
        if !is_next && !matches!(self.facts_are, Facts::Missing(_)) {
            self.facts_are = Facts::Missing(None);
        }
    }

    /// Whether its facts are to be asked for now.
    pub(super) fn asks(&mut self, now: Instant) -> bool {
        let Facts::Missing(asked) = &mut self.facts_are else { return false };
        if asked.is_some_and(|asked| now < asked + ASK_AGAIN) {
            return false;
        }
        *asked = Some(now);
        true
    }

    /// It told this node something, of this number. True: what it told before was lost.
    pub(super) fn note(&mut self, number: u64, now: Instant) -> bool {
        let is_lost = number > self.noted.wrapping_add(1);
        self.last_note(number, now);
        is_lost
    }

    /// By its own word this was the last number. True: what it told then was lost.
    pub(super) fn last_note(&mut self, number: u64, now: Instant) -> bool {
        self.heard = now;
        let is_lost = number > self.noted;
        self.noted = self.noted.max(number);
        is_lost
    }

    /// So much of what it published did not get out. True: more than was known.
    pub(super) fn has_not_sent(&mut self, unsent: u64) -> bool {
        std::mem::replace(&mut self.unsent, unsent) != unsent
    }

    /// This is so. Returns what is new of it.
    pub(super) fn learn(&mut self, fact: Fact) -> Option<Attendance> {
        let news = fact.attendance();
        let before = self.facts.insert(fact.key(), fact.clone());
        news.filter(|_| before != Some(fact))
    }

    /// This isn't so any more. Returns what is new of it.
    pub(super) fn forget(&mut self, key: &Key) -> Option<Attendance> {
        self.facts.remove(key).and_then(|_| key.attendance())
    }

    /// From `after` to the last of these, or to the end, this is so and nothing else.
    pub(super) fn replace(
        &mut self,
        after: Option<&Key>,
        facts: Vec<Fact>,
        is_end: bool,
    ) -> Vec<Attendance> {
        if after.is_none() {
            self.facts_are = Facts::Coming;
        }
        if is_end && self.facts_are == Facts::Coming {
            self.facts_are = Facts::Whole;
        }
        let mut new: BTreeMap<Key, Fact> =
            facts.into_iter().map(|fact| (fact.key(), fact)).collect();
        let last = if is_end { None } else { new.keys().next_back().cloned() };
        let is_within = |key: &Key| {
            after.is_none_or(|after| key > after) && last.as_ref().is_none_or(|last| key <= last)
        };
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let known = self.facts.range((begin, Bound::Unbounded)).map(|(key, _)| key);
        let known = known.take_while(|key| is_within(key));
        let past: Vec<Key> = known.filter(|key| !new.contains_key(key)).cloned().collect();
        new.retain(|key, _| is_within(key));
        let left: Vec<_> = past.iter().filter_map(|key| self.forget(key)).collect();
        left.into_iter().chain(new.into_values().filter_map(|fact| self.learn(fact))).collect()
    }

    /// The fact about this.
    pub(super) fn fact(&self, key: &Key) -> Option<&Fact> {
        self.facts.get(key)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::messaging::{ConnectionId, Present};

    fn present(metadata: &str, id: ConnectionId) -> Fact {
        Fact::Present("t".into(), Arc::new(Present { id, name: None, metadata: metadata.into() }))
    }

    #[test]
    fn a_gap_is_asked_for_until_it_is_filled() {
        let now = Instant::now();
        let mut view = View::new(now);
        view.hear(1, now);
        assert!(!view.asks(now));
        view.hear(3, now);
        assert!(view.asks(now) && !view.asks(now));
        assert!(view.asks(now + ASK_AGAIN));
        view.hear(4, now);
        view.replace(None, vec![present("", ConnectionId::random())], false);
        assert!(!view.asks(now + 2 * ASK_AGAIN));
        // One part is lost: all of them are asked for again.
        view.hear(6, now);
        view.replace(Some(&Key::Name("x".into())), Vec::new(), true);
        assert!(view.asks(now));
        view.hear(7, now);
        view.replace(None, Vec::new(), true);
        assert!(!view.asks(now + 2 * ASK_AGAIN));
    }

    #[test]
    fn notes_that_are_lost_are_noticed() {
        let now = Instant::now();
        let mut view = View::new(now);
        assert!(!view.note(1, now) && !view.note(2, now) && !view.last_note(2, now));
        assert!(view.note(4, now) && !view.last_note(4, now));
        assert!(view.last_note(5, now) && !view.last_note(5, now) && !view.note(6, now));
        // One that comes late is none that is new.
        assert!(!view.note(3, now) && !view.note(7, now));
    }

    #[test]
    fn a_part_replaces_what_it_covers() {
        let now = Instant::now();
        let mut view = View::new(now);
        let mut ids = [(); 4].map(|()| ConnectionId::random());
        ids.sort();
        for id in ids {
            assert!(view.learn(present("", id)).is_some());
            assert!(view.learn(present("", id)).is_none());
        }
        let changes = view.replace(None, vec![present("", ids[0]), present("x", ids[2])], false);
        assert_eq!(changes.len(), 2);
        assert!(matches!(&changes[0], Attendance::Absent(_, id) if *id == ids[1]));
        assert!(matches!(&changes[1], Attendance::Present(_, is) if is.id == ids[2]));
        let after = Some(Key::Present("t".into(), ids[2]));
        let changes = view.replace(after.as_ref(), Vec::new(), true);
        assert!(matches!(&changes[..], [Attendance::Absent(_, id)] if *id == ids[3]));
        // What lies outside of what is covered is not believed.
        assert!(view.replace(after.as_ref(), vec![present("y", ids[0])], false).is_empty());
    }
}
