//! Who is connected, and who is subscribed to what, among the connections of
//! one plugin.

use std::{
    collections::HashMap,
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
        // Taken out first: nothing is done under the map's lock.
        let mailbox = self.connections.get(&to).map(|mailbox| mailbox.clone());
        if let Some(mailbox) = mailbox {
            self.count(mailbox.leave(Mail::Direct { from, payload }));
        }
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

    /// Leaves a message for every subscriber's handler.
    pub fn publish(&self, from: ConnectionId, topic: &Arc<str>, payload: &Bytes, to_self: bool) {
        self.each(from, topic, to_self, |mailbox| {
            mailbox.leave(Mail::Published { topic: topic.clone(), from, payload: payload.clone() })
        });
    }

    /// Leaves a frame for every subscriber's socket.
    pub fn publish_frame(
        &self,
        from: ConnectionId,
        topic: &Arc<str>,
        frame: &SharedFrame,
        to_self: bool,
    ) {
        self.each(from, topic, to_self, |mailbox| mailbox.leave_frame(frame.clone()));
    }

    fn each(
        &self,
        from: ConnectionId,
        topic: &Arc<str>,
        to_self: bool,
        leave: impl Fn(&Mailbox) -> Left,
    ) {
        let Some(subscribers) = self.topics.get(topic) else { return };
        for (id, mailbox) in subscribers.iter() {
            if to_self || *id != from {
                self.count(leave(mailbox));
            }
        }
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
        hub.publish(a.id, &topic, &Bytes::from_static(b"x"), false);
        assert!(a.take_mail().is_none() && b.take_mail().is_some() && c.take_mail().is_none());
        hub.publish_frame(a.id, &topic, &SharedFrame::new(Message::Text("x".into())), true);
        assert!(has_frames(&a) && has_frames(&b) && !has_frames(&c));
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
