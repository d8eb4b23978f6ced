//! What a connection has among the others.

use std::{collections::BTreeSet, sync::Arc};

use super::{ConnectionId, subject};

/// What a connection has among the others, and has to give back when it ends.
#[derive(Debug, Default)]
pub struct Ties {
    /// The patterns it is subscribed to.
    pub patterns: BTreeSet<Arc<str>>,
    /// The topics on which it watches who is present.
    pub watched: BTreeSet<Arc<str>>,
    /// The topics on which it is present.
    pub present: BTreeSet<Arc<str>>,
    /// The names it has registered, in that order.
    pub names: Vec<Arc<str>>,
    /// The connections that it monitors.
    pub monitored: BTreeSet<ConnectionId>,
}

impl Ties {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { patterns, watched, present, names, monitored } = self;
        let topics = [patterns, watched, present];
        topics.iter().all(|topics| topics.is_empty()) && names.is_empty() && monitored.is_empty()
    }

    /// Whether it is subscribed to a topic.
    #[must_use]
    pub fn subscribed(&self, topic: &str) -> bool {
        self.patterns.contains(topic)
            || self
                .patterns
                .iter()
                .any(|pattern| subject::has_wildcard(pattern) && subject::matches(pattern, topic))
    }
}
