//! Who is present on each topic, and who is told of it.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use dashmap::{DashMap, Entry, OccupiedEntry};
use serde::Serialize;

use super::{
    ConnectionId,
    mail::Mail,
    mailbox::Mailbox,
    presence::{Change, Present, WatchAs},
    subscribers::Subscribers,
};
use crate::websocket::{Message, SharedFrame};

/// Who is present, on all topics of a plugin.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    by_topic: DashMap<Arc<str>, Room>,
}

/// One topic.
#[derive(Debug, Default)]
struct Room {
    present: BTreeMap<ConnectionId, Arc<Present>>,
    messages: Subscribers,
    frames: Subscribers,
}

/// A change, and who is to be told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) topic: Arc<str>,
    pub(super) change: Change,
    pub(super) present: Arc<Present>,
    pub(super) messages: Subscribers,
    pub(super) frames: Subscribers,
}

impl Room {
    fn is_empty(&self) -> bool {
        self.present.is_empty() && self.messages.is_empty() && self.frames.is_empty()
    }

    fn told(&self, topic: &Arc<str>, change: Change, present: Arc<Present>) -> Told {
        let (messages, frames) = (self.messages.clone(), self.frames.clone());
        Told { topic: topic.clone(), change, present, messages, frames }
    }
}

impl Rooms {
    /// Somebody is present from now on, or has changed.
    pub(super) fn enter(&self, topic: &Arc<str>, present: Arc<Present>) -> Told {
        let mut room = self.by_topic.entry(topic.clone()).or_default();
        let before = room.present.insert(present.id, present.clone());
        let change = if before.is_some() { Change::Updated } else { Change::Joined };
        room.told(topic, change, present)
    }

    /// Somebody isn't present any more. None: they were not.
    pub(super) fn leave(&self, topic: &Arc<str>, id: ConnectionId) -> Option<Told> {
        let Entry::Occupied(mut room) = self.by_topic.entry(topic.clone()) else { return None };
        let present = room.get_mut().present.remove(&id)?;
        let told = room.get().told(topic, Change::Left, present);
        remove_if_empty(room);
        Some(told)
    }

    /// Has a connection told what changes, in this way and no other.
    pub(super) fn watch(&self, topic: &Arc<str>, mailbox: &Arc<Mailbox>, how: WatchAs) {
        let mut room = self.by_topic.entry(topic.clone()).or_default();
        let Room { messages, frames, .. } = &mut *room;
        let (chosen, other) = match how {
            WatchAs::Messages => (messages, frames),
            WatchAs::Frames => (frames, messages),
        };
        chosen.insert(mailbox.clone());
        other.remove(mailbox.id);
    }

    /// Ends that.
    pub(super) fn unwatch(&self, topic: &Arc<str>, id: ConnectionId) {
        let Entry::Occupied(mut room) = self.by_topic.entry(topic.clone()) else { return };
        room.get_mut().messages.remove(id);
        room.get_mut().frames.remove(id);
        remove_if_empty(room);
    }

    /// So many of those present, in the order of ids, from the first behind `after`.
    pub(super) fn list(
        &self,
        topic: &str,
        after: Option<ConnectionId>,
        limit: usize,
    ) -> Vec<Arc<Present>> {
        let Some(room) = self.by_topic.get(topic) else { return Vec::new() };
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = room.present.range((begin, Bound::Unbounded));
        behind.take(limit).map(|(_, present)| present.clone()).collect()
    }

    /// Those present for whom this holds, with their topics.
    pub(super) fn find(
        &self,
        which: impl Fn(ConnectionId) -> bool,
    ) -> Vec<(Arc<str>, ConnectionId)> {
        let of_room = |room: dashmap::mapref::multiple::RefMulti<'_, Arc<str>, Room>| {
            let ids = room.present.keys().filter(|id| which(**id));
            ids.map(|id| (room.key().clone(), *id)).collect::<Vec<_>>()
        };
        self.by_topic.iter().flat_map(of_room).collect()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_topic.is_empty()
    }
}

fn remove_if_empty(room: OccupiedEntry<'_, Arc<str>, Room>) {
    if room.get().is_empty() {
        room.remove();
    }
}

impl Told {
    /// As it is told to a handler.
    pub(super) fn mail(&self) -> Mail {
        let Self { topic, change, present, .. } = self;
        Mail::Presence { topic: topic.clone(), change: *change, present: present.clone() }
    }

    /// As it is told to a peer.
    pub(super) fn frame(&self) -> SharedFrame {
        let Present { id, name, metadata } = &*self.present;
        let json = Json {
            presence: self.change,
            topic: &self.topic,
            id: &id.to_string(),
            name: name.as_deref(),
            metadata,
        };
        let text = serde_json::to_string(&json).expect("these fields can be written");
        SharedFrame::new(Message::Text(text.into()))
    }
}

/// The contract's, in `presence.watch-as`.
#[derive(Serialize)]
struct Json<'a> {
    presence: Change,
    topic: &'a str,
    id: &'a str,
    name: Option<&'a str>,
    metadata: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, tenant::Tenant};

    fn present(id: ConnectionId, metadata: &str) -> Arc<Present> {
        Arc::new(Present { id, name: None, metadata: metadata.into() })
    }

    #[test]
    fn who_comes_and_goes_is_told() {
        let (rooms, topic) = (Rooms::default(), Arc::<str>::from("t"));
        let id = ConnectionId::random();
        let change = |told: Told| (told.change, told.present.metadata.to_string());
        assert_eq!(change(rooms.enter(&topic, present(id, "a"))), (Change::Joined, "a".into()));
        assert_eq!(change(rooms.enter(&topic, present(id, "b"))), (Change::Updated, "b".into()));
        assert_eq!(rooms.leave(&topic, id).map(change), Some((Change::Left, "b".into())));
        assert!(rooms.leave(&topic, id).is_none() && rooms.is_empty());
    }

    #[test]
    fn who_watches_does_so_in_one_way() {
        let (rooms, topic) = (Rooms::default(), Arc::<str>::from("t"));
        let mailbox = Mailbox::new(ConnectionId::random(), Tenant::test(Config::default()), true);
        let mailbox = Arc::new(mailbox);
        for (how, counts) in [(WatchAs::Messages, (1, 0)), (WatchAs::Frames, (0, 1))] {
            rooms.watch(&topic, &mailbox, how);
            let told = rooms.enter(&topic, present(ConnectionId::random(), ""));
            assert_eq!((told.messages.len(), told.frames.len()), counts);
        }
        rooms.unwatch(&topic, mailbox.id);
        for (topic, id) in rooms.find(|_| true) {
            let told = rooms.leave(&topic, id).unwrap();
            assert!(told.messages.is_empty() && told.frames.is_empty());
        }
        assert!(rooms.is_empty());
    }

    #[test]
    fn a_list_is_read_in_parts() {
        let (rooms, topic) = (Rooms::default(), Arc::<str>::from("t"));
        for _ in 0..10 {
            rooms.enter(&topic, present(ConnectionId::random(), ""));
        }
        let (mut after, mut ids) = (None, Vec::new());
        loop {
            let part = rooms.list(&topic, after, 3);
            let Some(last) = part.last() else { break };
            after = Some(last.id);
            ids.extend(part.iter().map(|present| present.id));
        }
        assert_eq!(ids.len(), 10);
        assert!(ids.is_sorted());
    }

    #[test]
    fn a_frame_is_json() {
        let (rooms, topic) = (Rooms::default(), Arc::<str>::from("r.\"1\""));
        let id = ConnectionId::random();
        let told = rooms.enter(
            &topic,
            Arc::new(Present { id, name: Some("ann".into()), metadata: "{}".into() }),
        );
        let expected = format!(
            r#"{{"presence":"joined","topic":"r.\"1\"","id":"{id}","name":"ann","metadata":"{{}}"}}"#
        );
        assert_eq!(told.frame().message(), &Message::Text(expected.into()));
    }
}
