//! Who is subscribed to what.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use dashmap::{DashMap, Entry};
use smallvec::SmallVec;

use super::{
    ConnectionId,
    mailbox::Mailbox,
    subject::{self, ANY, REST},
    subscribers::Subscribers,
};

/// Those who get what is published to a topic, by the patterns that match it: the
/// longest list last.
pub(super) type Matching = SmallVec<[Subscribers; 1]>;

/// The subscriptions of a plugin's connections. Names of topics are looked up, as
/// nearly all are; patterns with wildcards are a tree of tokens.
#[derive(Debug, Default)]
pub(super) struct Topics {
    named: DashMap<Arc<str>, Subscribers>,
    wild: RwLock<Node>,
    /// How many patterns the tree has. Where there is none it isn't looked at.
    wild_count: AtomicUsize,
}

impl Topics {
    /// Adds a subscription.
    pub(super) fn insert(&self, pattern: &Arc<str>, mailbox: Arc<Mailbox>) {
        if !subject::has_wildcard(pattern) {
            self.named.entry(pattern.clone()).or_default().insert(mailbox);
            return;
        }
        let mut wild = self.wild.write().unwrap_or_else(PoisonError::into_inner);
        let subscribers = wild.at(subject::tokens(pattern));
        if subscribers.is_empty() {
            self.wild_count.fetch_add(1, Relaxed);
        }
        subscribers.insert(mailbox);
    }

    /// Takes a subscription away.
    pub(super) fn remove(&self, pattern: &Arc<str>, id: ConnectionId) {
        if !subject::has_wildcard(pattern) {
            if let Entry::Occupied(mut subscribers) = self.named.entry(pattern.clone()) {
                subscribers.get_mut().remove(id);
                if subscribers.get().is_empty() {
                    subscribers.remove();
                }
            }
            return;
        }
        let mut wild = self.wild.write().unwrap_or_else(PoisonError::into_inner);
        let (before, now) = wild.remove(subject::tokens(pattern), id);
        if before > 0 && now == 0 {
            self.wild_count.fetch_sub(1, Relaxed);
        }
    }

    /// Those who are subscribed to a topic now.
    pub(super) fn matching(&self, topic: &str) -> Matching {
        let mut matching = Matching::new();
        matching.extend(self.named.get(topic).map(|subscribers| subscribers.clone()));
        if self.wild_count.load(Relaxed) > 0 {
            let tokens: SmallVec<[&str; 16]> = subject::tokens(topic).collect();
            let wild = self.wild.read().unwrap_or_else(PoisonError::into_inner);
            wild.collect(&tokens, &mut matching);
        }
        matching.sort_by_key(Subscribers::len);
        matching
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let wild = self.wild.read().unwrap_or_else(PoisonError::into_inner);
        self.named.is_empty() && wild.is_empty()
    }
}

/// A place in the tree, which some tokens lead to.
#[derive(Debug, Default)]
struct Node {
    named: HashMap<Box<str>, Node>,
    /// Behind a `*`.
    any: Option<Box<Node>>,
    /// Of the pattern that ends here.
    here: Subscribers,
    /// Of the pattern that ends with a `>` behind this.
    rest: Subscribers,
}

impl Node {
    fn is_empty(&self) -> bool {
        self.named.is_empty() && self.any.is_none() && self.here.is_empty() && self.rest.is_empty()
    }

    /// Those of a pattern, which gets its place.
    fn at<'a>(&mut self, mut pattern: impl Iterator<Item = &'a str>) -> &mut Subscribers {
        match pattern.next() {
            None => &mut self.here,
            Some(REST) => &mut self.rest,
            Some(ANY) => self.any.get_or_insert_default().at(pattern),
            Some(token) => self.named.entry(token.into()).or_default().at(pattern),
        }
    }

    /// Takes one away from a pattern, and the pattern if that was all. Returns how
    /// many it had, and has.
    fn remove<'a>(
        &mut self,
        mut pattern: impl Iterator<Item = &'a str>,
        id: ConnectionId,
    ) -> (usize, usize) {
        match pattern.next() {
            None => remove(&mut self.here, id),
            Some(REST) => remove(&mut self.rest, id),
            Some(ANY) => {
                let Some(node) = &mut self.any else { return (0, 0) };
                let counts = node.remove(pattern, id);
                self.any = self.any.take().filter(|node| !node.is_empty());
                counts
            }
            Some(token) => {
                let Some(node) = self.named.get_mut(token) else { return (0, 0) };
                let counts = node.remove(pattern, id);
                if node.is_empty() {
                    self.named.remove(token);
                }
                counts
            }
        }
    }

    fn collect(&self, topic: &[&str], matching: &mut Matching) {
        let Some((token, behind)) = topic.split_first() else {
            matching.extend(Some(&self.here).filter(|here| !here.is_empty()).cloned());
            return;
        };
        matching.extend(Some(&self.rest).filter(|rest| !rest.is_empty()).cloned());
        for node in self.named.get(*token).into_iter().chain(self.any.as_deref()) {
            node.collect(behind, matching);
        }
    }
}

fn remove(subscribers: &mut Subscribers, id: ConnectionId) -> (usize, usize) {
    let before = subscribers.len();
    subscribers.remove(id);
    (before, subscribers.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{config::Config, tenant::Tenant};

    fn mailbox(tenant: &Arc<Tenant>) -> Arc<Mailbox> {
        Arc::new(Mailbox::new(ConnectionId::random(), tenant.clone(), true))
    }

    #[test]
    fn who_is_subscribed_twice_is_there_once() {
        let (tenant, topics) = (Tenant::test(Config::default()), Topics::default());
        let (a, b) = (mailbox(&tenant), mailbox(&tenant));
        for pattern in ["a.b", "a.*", "a.>", "*.b"].map(Arc::<str>::from) {
            for mailbox in [&a, &b, &b] {
                topics.insert(&pattern, mailbox.clone());
            }
            assert_eq!(topics.matching("a.b")[0].len(), 2, "{pattern}");
            for id in [a.id, a.id, b.id, b.id] {
                topics.remove(&pattern, id);
            }
            assert!(topics.is_empty(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn what_matches_is_found(
            patterns in prop::collection::vec("[ab*](\\.[ab*]){0,3}(\\.>)?|>", 1..30),
            topic in "[ab](\\.[ab]){0,4}",
        ) {
            let (tenant, topics) = (Tenant::test(Config::default()), Topics::default());
            let subscribed: Vec<(Arc<str>, _)> =
                patterns.iter().map(|pattern| (pattern.as_str().into(), mailbox(&tenant))).collect();
            for (pattern, mailbox) in &subscribed {
                topics.insert(pattern, mailbox.clone());
            }
            let matching = topics.matching(&topic);
            for (pattern, mailbox) in &subscribed {
                let found = matching.iter().flat_map(Subscribers::batches).flatten();
                let count = found.filter(|found| found.id == mailbox.id).count();
                prop_assert_eq!(count, usize::from(subject::matches(pattern, &topic)), "{}", pattern);
            }
            for (pattern, mailbox) in &subscribed {
                topics.remove(pattern, mailbox.id);
            }
            prop_assert!(topics.is_empty());
            prop_assert_eq!(topics.wild_count.load(Relaxed), 0);
        }
    }
}
