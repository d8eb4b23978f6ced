//! Who is connected, and how they reach each other, among the connections of one
//! plugin.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Instant,
};

use bytes::Bytes;
use dashmap::DashMap;

use super::{
    ConnectionId, NodeId,
    history::{History, Since},
    limits::Limits,
    mail::Mail,
    mailbox::{Left, Mailbox},
    remote::Remote,
    rooms::Rooms,
    subject,
    ties::Ties,
    topics::Topics,
    watches::Watches,
};
use crate::{tenant::Tenant, websocket::SharedFrame};

/// The connections of one plugin on this node: by id, by name, by topic; and the way
/// to those on others.
///
/// Order: what one connection sends or publishes is left in each mailbox in the
/// order it was asked for. Delivery is at most once: what finds no room, or
/// nobody, is dropped and counted.
#[derive(Debug)]
pub struct Hub {
    pub(super) node: NodeId,
    pub(super) connections: DashMap<ConnectionId, Arc<Mailbox>>,
    pub(super) topics: Topics,
    pub(super) history: History,
    pub(super) rooms: Rooms,
    /// The names of this node's connections.
    pub(super) names: DashMap<Arc<str>, ConnectionId>,
    pub(super) watches: Watches,
    /// Of those of this node's connections that have any.
    ties: DashMap<ConnectionId, Box<Tied>>,
    remote: OnceLock<Arc<dyn Remote>>,
    limits: RwLock<Limits>,
    going_down: AtomicBool,
}

/// What a connection has at the hub.
#[derive(Debug, Default)]
pub(super) struct Tied {
    pub(super) ties: Ties,
    /// Whom it asked something, by the call's number, while there is no answer.
    pub(super) asked: BTreeMap<u64, ConnectionId>,
}

impl Default for Hub {
    fn default() -> Self {
        Self::of(NodeId::this())
    }
}

impl Hub {
    /// The hub of a node. It keeps no history.
    #[must_use]
    pub fn of(node: NodeId) -> Self {
        Self {
            node,
            connections: DashMap::new(),
            topics: Topics::default(),
            history: History::default(),
            rooms: Rooms::default(),
            names: DashMap::new(),
            watches: Watches::default(),
            ties: DashMap::new(),
            remote: OnceLock::new(),
            limits: RwLock::default(),
            going_down: AtomicBool::new(false),
        }
    }

    /// Goes by the settings of this version of the plugin from now on.
    pub fn configure(&self, tenant: &Tenant) {
        self.history.configure(tenant);
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = Limits::of(&tenant.config);
    }

    /// What the plugin's settings allow of what comes from other nodes.
    #[must_use]
    pub fn limits(&self) -> Limits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose connections these are.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Reaches other nodes by this from now on.
    pub fn connect(&self, remote: Arc<dyn Remote>) {
        // There is one cluster, and it is the same for the host's life.
        let _ = self.remote.set(remote);
    }

    pub(super) fn remote(&self) -> Option<&dyn Remote> {
        self.remote.get().map(|remote| &**remote)
    }

    /// Whether what is for a connection can be given to its node now.
    #[must_use]
    pub fn reaches(&self, id: ConnectionId) -> bool {
        id.node() == self.node || self.remote().is_none_or(Remote::is_reachable)
    }

    /// Whether a payload is too long for other nodes, where it is for one of their
    /// connections, or for all nodes (none).
    #[must_use]
    pub fn is_too_long(&self, to: Option<ConnectionId>, payload: usize) -> bool {
        to.is_none_or(|to| to.node() != self.node)
            && self.remote().is_some_and(|remote| payload > remote.payload_max())
    }

    /// Something may have been published on other nodes that was not heard here: who comes
    /// back with a position from before is told of a gap.
    pub fn missed(&self) {
        self.history.missed();
    }

    /// Makes a connection known, so that it can be sent to. One that comes when
    /// the host is going down already is told at once.
    pub fn join(&self, mailbox: &Arc<Mailbox>) {
        self.connections.insert(mailbox.id, mailbox.clone());
        if self.going_down.load(SeqCst) {
            mailbox.shut_down();
        }
    }

    /// Ends what a connection has here, for this reason.
    pub async fn leave(&self, id: ConnectionId, reason: &str) {
        self.connections.remove(&id);
        if let Some((_, tied)) = self.ties.remove(&id) {
            self.untie_all(id, *tied).await;
        }
        // The last: who is told finds nothing of it any more.
        self.tell_of_end(id, reason);
    }

    async fn untie_all(&self, id: ConnectionId, tied: Tied) {
        let Tied { ties: Ties { patterns, watched, present, names, monitored }, asked } = tied;
        for pattern in &patterns {
            self.topics.remove(pattern, id);
        }
        for topic in &watched {
            self.rooms.unwatch(topic, id);
        }
        for name in &names {
            self.free_name(id, name);
        }
        self.wait_no_more(id, monitored, asked);
        for topic in &present {
            self.absent(id, topic).await;
        }
    }

    /// Adds to the note of what a connection has.
    pub(super) fn tie<R>(&self, id: ConnectionId, add: impl FnOnce(&mut Tied) -> R) -> R {
        add(&mut self.ties.entry(id).or_default())
    }

    /// Takes away from the note of what a connection has, if there is one.
    pub(super) fn untie<R>(
        &self,
        id: ConnectionId,
        take: impl FnOnce(&mut Tied) -> R,
    ) -> Option<R> {
        self.ties.get_mut(&id).map(|mut tied| take(&mut tied))
    }

    /// What `look` finds in the notes of all that have one.
    pub(super) fn all_tied<R>(&self, look: impl Fn(ConnectionId, &Tied) -> Vec<R>) -> Vec<R> {
        self.ties.iter().flat_map(|tied| look(*tied.key(), &tied)).collect()
    }

    /// How many connections there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// A connection's mailbox, taken out: nothing is done under the map's lock.
    #[must_use]
    pub fn find(&self, id: ConnectionId) -> Option<Arc<Mailbox>> {
        self.connections.get(&id).map(|mailbox| mailbox.clone())
    }

    /// Sends a message to one connection from outside. None: there is no such one.
    pub fn send_from_outside(&self, to: ConnectionId, payload: Bytes) -> Option<Left> {
        Some(self.find(to)?.leave(Mail::Operator { payload }))
    }

    /// Sends a frame to one connection's socket from outside. None: there is no such
    /// one.
    pub fn send_frame_from_outside(&self, to: ConnectionId, frame: SharedFrame) -> Option<Left> {
        Some(self.find(to)?.leave_frame(frame))
    }

    /// Subscribes to the topics that match a pattern; where it is one topic's name, with
    /// what was published to that before.
    pub fn subscribe(&self, mailbox: &Arc<Mailbox>, pattern: &Arc<str>, since: Since) {
        self.tie(mailbox.id, |tied| tied.ties.patterns.insert(pattern.clone()));
        let subscribe = || self.topics.insert(pattern, mailbox.clone());
        if since == Since::Now {
            return subscribe();
        }
        self.history.past(pattern, since, mailbox.id, Instant::now(), |past| {
            mailbox.leave_past(past);
            subscribe();
        });
    }

    /// Ends a subscription, and forgets the messages that wait because of it.
    pub fn unsubscribe(&self, mailbox: &Mailbox, pattern: &Arc<str>) {
        self.topics.remove(pattern, mailbox.id);
        self.untie(mailbox.id, |tied| {
            tied.ties.patterns.remove(pattern);
            mailbox.forget(|mail| match mail {
                // Only who subscribes to a topic by its name is told of gaps.
                Mail::Gap { topic } => topic == pattern,
                Mail::Published { topic, .. } => {
                    subject::matches(pattern, topic) && !tied.ties.subscribed(topic)
                }
                _ => false,
            });
        });
    }

    /// The first `count` connections behind this id, in the order of their ids.
    #[must_use]
    pub fn page(&self, after: Option<ConnectionId>, count: usize) -> Vec<Arc<Mailbox>> {
        let mut page = BTreeMap::new();
        for mailbox in &self.connections {
            let id = mailbox.id;
            let is_first = |(last, _): (&ConnectionId, _)| page.len() < count || id < *last;
            if Some(id) > after && page.last_key_value().is_none_or(is_first) {
                page.insert(id, mailbox.clone());
                if page.len() > count {
                    page.pop_last();
                }
            }
        }
        page.into_values().collect()
    }

    /// All connections that there are now, kept by nobody: to go through them may take
    /// hours.
    #[must_use]
    pub fn all(&self) -> Vec<Weak<Mailbox>> {
        self.connections.iter().map(|mailbox| Arc::downgrade(&mailbox)).collect()
    }

    /// Tells every connection that comes from now on that the host is going down, and
    /// returns those that are to be told: all that there are.
    pub fn shut_down(&self) -> Vec<Weak<Mailbox>> {
        self.going_down.store(true, SeqCst);
        self.all()
    }
}

impl Drop for Hub {
    /// With the plugin's connections: who serves it again is new to the other nodes.
    fn drop(&mut self) {
        if let Some(remote) = self.remote() {
            remote.leave();
        }
    }
}

#[cfg(test)]
mod tests;
