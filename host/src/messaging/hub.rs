//! Who is connected, and who is subscribed to what, among the connections of
//! one plugin.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
};

use bytes::Bytes;
use dashmap::DashMap;

use super::{
    ConnectionId,
    mailbox::{Left, Mail, Mailbox},
};
use crate::websocket::SharedFrame;

type Subscribers = HashMap<ConnectionId, Arc<Mailbox>>;

/// What became of something that was published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Subscribers that it waits for.
    pub delivered: usize,
    /// Subscribers that had no room for it.
    pub dropped: usize,
}

/// The connections of one plugin, by id and by topic.
///
/// Order: what one connection sends or publishes is left in each mailbox in the
/// order it was asked for. Delivery is at most once: what finds no room, or
/// nobody, is dropped and counted.
#[derive(Debug, Default)]
pub struct Hub {
    connections: DashMap<ConnectionId, Arc<Mailbox>>,
    topics: DashMap<Arc<str>, Subscribers>,
    dropped: AtomicU64,
    going_down: AtomicBool,
}

impl Hub {
    /// Makes a connection known, so that it can be sent to. One that comes when
    /// the host is going down already is told at once.
    pub fn join(&self, mailbox: &Arc<Mailbox>) {
        self.connections.insert(mailbox.id, mailbox.clone());
        if self.going_down.load(SeqCst) {
            mailbox.shut_down();
        }
    }

    /// Ends what a connection has here. `topics` are its subscriptions.
    pub fn leave<'a>(&self, id: ConnectionId, topics: impl IntoIterator<Item = &'a Arc<str>>) {
        self.connections.remove(&id);
        for topic in topics {
            self.unsubscribe(id, topic);
        }
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

    /// How many messages and frames found no room in a mailbox so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Sends a message to one connection.
    pub fn send(&self, from: ConnectionId, to: ConnectionId, payload: Bytes) {
        if let Some(mailbox) = self.find(to) {
            self.count(mailbox.leave(Mail::Direct { from, payload }));
        }
    }

    /// Sends a message to one connection from outside. None: there is no such one.
    pub fn send_from_outside(&self, to: ConnectionId, payload: Bytes) -> Option<Left> {
        let left = self.find(to)?.leave(Mail::Operator { payload });
        self.count(left);
        Some(left)
    }

    /// Sends a frame to one connection's socket from outside. None: there is no such
    /// one.
    pub fn send_frame_from_outside(&self, to: ConnectionId, frame: SharedFrame) -> Option<Left> {
        let left = self.find(to)?.leave_frame(frame);
        self.count(left);
        Some(left)
    }

    /// A connection's mailbox, taken out: nothing is done under the map's lock.
    #[must_use]
    pub fn find(&self, id: ConnectionId) -> Option<Arc<Mailbox>> {
        self.connections.get(&id).map(|mailbox| mailbox.clone())
    }

    /// Subscribes to a topic.
    pub fn subscribe(&self, mailbox: &Arc<Mailbox>, topic: Arc<str>) {
        self.topics.entry(topic).or_default().insert(mailbox.id, mailbox.clone());
    }

    /// Ends a subscription.
    pub fn unsubscribe(&self, id: ConnectionId, topic: &Arc<str>) {
        if let Some(mut subscribers) = self.topics.get_mut(topic) {
            subscribers.remove(&id);
        }
        self.topics.remove_if(topic, |_, subscribers| subscribers.is_empty());
    }

    /// Leaves a message for every subscriber's handler. None publishes from outside.
    pub fn publish(
        &self,
        from: Option<ConnectionId>,
        topic: &Arc<str>,
        payload: &Bytes,
        to_self: bool,
    ) -> Published {
        self.each(from, topic, to_self, |mailbox| {
            mailbox.leave(Mail::Published { topic: topic.clone(), from, payload: payload.clone() })
        })
    }

    /// Leaves a frame for every subscriber's socket. None publishes from outside.
    pub fn publish_frame(
        &self,
        from: Option<ConnectionId>,
        topic: &Arc<str>,
        frame: &SharedFrame,
        to_self: bool,
    ) -> Published {
        self.each(from, topic, to_self, |mailbox| mailbox.leave_frame(frame.clone()))
    }

    fn each(
        &self,
        from: Option<ConnectionId>,
        topic: &Arc<str>,
        to_self: bool,
        leave: impl Fn(&Mailbox) -> Left,
    ) -> Published {
        let mut published = Published::default();
        let Some(subscribers) = self.topics.get(topic) else { return published };
        for (id, mailbox) in subscribers.iter() {
            if to_self || Some(*id) != from {
                match leave(mailbox) {
                    Left::Waiting => published.delivered += 1,
                    Left::Dropped => published.dropped += 1,
                }
            }
        }
        drop(subscribers);
        self.dropped.fetch_add(published.dropped as u64, Relaxed);
        published
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

    /// All connections that there are now.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Mailbox>> {
        self.connections.iter().map(|mailbox| mailbox.clone()).collect()
    }

    /// Tells every connection that comes from now on that the host is going down, and
    /// returns those that are to be told: all that there are.
    pub fn shut_down(&self) -> Vec<Arc<Mailbox>> {
        self.going_down.store(true, SeqCst);
        self.all()
    }

    fn count(&self, left: Left) {
        if left == Left::Dropped {
            self.dropped.fetch_add(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;
    use crate::{config::Config, messaging::mailbox::Urgent, tenant::Tenant, websocket::Message};

    fn member(hub: &Hub) -> Arc<Mailbox> {
        let mailbox =
            Arc::new(Mailbox::new(ConnectionId::random(), Tenant::test(Config::default()), true));
        hub.join(&mailbox);
        mailbox
    }

    fn has_frames(mailbox: &Mailbox) -> bool {
        let urgent = mailbox.poll_urgent(&Context::from_waker(Waker::noop()), 1000);
        matches!(urgent, Some(Urgent::Frames(_)))
    }

    #[test]
    fn a_message_reaches_the_one_it_is_for() {
        let hub = Hub::default();
        let (a, b) = (member(&hub), member(&hub));
        hub.send(a.id, b.id, Bytes::from_static(b"hello"));
        assert!(a.take_mail().is_none());
        assert!(matches!(b.take_mail(), Some(Mail::Direct { from, .. }) if from == a.id));
        hub.leave(b.id, []);
        hub.send(a.id, b.id, Bytes::from_static(b"hello"));
        assert_eq!(hub.len(), 1);
    }

    #[test]
    fn what_is_published_reaches_subscribers_and_the_publisher_by_choice() {
        let (hub, topic) = (Hub::default(), Arc::<str>::from("news"));
        let (a, b, c) = (member(&hub), member(&hub), member(&hub));
        hub.subscribe(&a, topic.clone());
        hub.subscribe(&b, topic.clone());
        hub.publish(Some(a.id), &topic, &Bytes::from_static(b"x"), false);
        assert!(a.take_mail().is_none() && b.take_mail().is_some() && c.take_mail().is_none());
        hub.publish_frame(Some(a.id), &topic, &SharedFrame::new(Message::Text("x".into())), true);
        assert!(has_frames(&a) && has_frames(&b) && !has_frames(&c));
    }

    #[test]
    fn what_comes_from_outside_says_so_and_is_counted() {
        let (hub, topic, payload) =
            (Hub::default(), Arc::<str>::from("news"), Bytes::from_static(b"x"));
        let a = member(&hub);
        hub.subscribe(&a, topic.clone());
        assert_eq!(hub.send_from_outside(a.id, payload.clone()), Some(Left::Waiting));
        assert!(matches!(a.take_mail(), Some(Mail::Operator { .. })));
        let published = hub.publish(None, &topic, &payload, true);
        assert_eq!(published, Published { delivered: 1, dropped: 0 });
        assert!(matches!(a.take_mail(), Some(Mail::Published { from: None, .. })));
        a.close();
        assert_eq!(hub.publish(None, &topic, &payload, true).dropped, 1);
        hub.leave(a.id, [&topic]);
        assert_eq!(hub.publish(None, &topic, &payload, true), Published::default());
        assert_eq!(hub.send_from_outside(a.id, payload), None);
        assert_eq!(hub.dropped(), 1);
    }

    #[test]
    fn pages_have_everybody_once_and_in_order() {
        let hub = Hub::default();
        let mut ids: Vec<_> = (0..100).map(|_| member(&hub).id).collect();
        ids.sort_unstable();
        let mut seen = Vec::new();
        while let page = hub.page(seen.last().copied(), 30)
            && !page.is_empty()
        {
            assert!(page.len() == 30 || seen.len() == 90);
            seen.extend(page.iter().map(|mailbox| mailbox.id));
        }
        assert_eq!(seen, ids);
    }

    #[test]
    fn a_topic_without_subscribers_takes_no_room() {
        let (hub, topic) = (Hub::default(), Arc::<str>::from("news"));
        let a = member(&hub);
        hub.subscribe(&a, topic.clone());
        hub.leave(a.id, [&topic]);
        assert!(hub.topics.is_empty() && hub.is_empty());
    }

    #[test]
    fn a_shutdown_reaches_those_that_come_later_too() {
        let hub = Hub::default();
        let before = member(&hub);
        let told = hub.shut_down();
        assert!(told.iter().any(|mailbox| mailbox.id == before.id));
        before.shut_down();
        let after = member(&hub);
        for mailbox in [before, after] {
            let urgent = mailbox.poll_urgent(&Context::from_waker(Waker::noop()), 1000);
            assert!(matches!(urgent, Some(Urgent::Shutdown)));
        }
    }
}
