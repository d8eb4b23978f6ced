//! Who is present on a topic: by whom it is changed, and how it is told.

use std::sync::Arc;

use serde::Serialize;
use tokio::task::consume_budget;

use super::{ConnectionId, Hub, mail::Mail, remote::Attendance, rooms::Told};

/// Somebody who is present on a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Who.
    pub id: ConnectionId,
    /// A name it has registered, if any.
    pub name: Option<Arc<str>>,
    /// What it says of itself.
    pub metadata: Box<str>,
}

impl Present {
    pub(super) fn bytes(&self) -> usize {
        self.name.as_ref().map_or(0, |name| name.len()) + self.metadata.len()
    }
}

/// What changed in who is present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Came.
    Joined,
    /// Changed its metadata or its name.
    Updated,
    /// Went.
    Left,
}

/// How a change is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchAs {
    /// To `info`.
    Messages,
    /// To the socket.
    Frames,
}

impl Hub {
    /// A connection of this node is present on a topic from now on, or says something
    /// else of itself.
    pub async fn enter(&self, id: ConnectionId, topic: &Arc<str>, metadata: Box<str>) {
        let name = self.tie(id, |tied| {
            tied.ties.present.insert(topic.clone());
            tied.ties.names.first().cloned()
        });
        let present = Arc::new(Present { id, name, metadata });
        if let Some(remote) = self.remote() {
            remote.attendance(&Attendance::Present(topic.clone(), present.clone()));
        }
        self.tell(self.rooms.enter(topic, present)).await;
    }

    /// It isn't present any more.
    pub async fn exit(&self, id: ConnectionId, topic: &Arc<str>) {
        self.untie(id, |tied| tied.ties.present.remove(topic));
        self.absent(id, topic).await;
    }

    pub(super) async fn absent(&self, id: ConnectionId, topic: &Arc<str>) {
        let Some(told) = self.rooms.leave(topic, id) else { return };
        if let Some(remote) = self.remote() {
            remote.attendance(&Attendance::Absent(topic.clone(), id));
        }
        self.tell(told).await;
    }

    /// Takes note of what has changed on another node.
    pub async fn present_elsewhere(&self, attendance: Attendance) {
        let told = match attendance {
            Attendance::Present(topic, present) => Some(self.rooms.enter(&topic, present)),
            Attendance::Absent(topic, id) => self.rooms.leave(&topic, id),
        };
        if let Some(told) = told {
            self.tell(told).await;
        }
    }

    /// Has a connection told who comes and goes on a topic, in this way alone.
    pub fn watch(&self, id: ConnectionId, topic: &Arc<str>, how: WatchAs) {
        let Some(mailbox) = self.find(id) else { return };
        self.tie(id, |tied| tied.ties.watched.insert(topic.clone()));
        self.rooms.watch(topic, &mailbox, how);
    }

    /// Ends that, and forgets what was told so.
    pub fn unwatch(&self, id: ConnectionId, topic: &Arc<str>) {
        let Some(mailbox) = self.find(id) else { return };
        self.untie(id, |tied| tied.ties.watched.remove(topic));
        self.rooms.unwatch(topic, id);
        mailbox.forget(|mail| matches!(mail, Mail::Presence { topic: of, .. } if of == topic));
    }

    /// So many of those present on a topic, on whichever node, in the order of ids, from
    /// the first behind `after`.
    #[must_use]
    pub fn present(
        &self,
        topic: &str,
        after: Option<ConnectionId>,
        limit: usize,
    ) -> Vec<Arc<Present>> {
        self.rooms.list(topic, after, limit)
    }

    async fn tell(&self, told: Told) {
        for batch in told.messages.batches() {
            for mailbox in batch {
                mailbox.leave(told.mail());
            }
            consume_budget().await;
        }
        if told.frames.is_empty() {
            return;
        }
        let frame = told.frame();
        for batch in told.frames.batches() {
            for mailbox in batch {
                mailbox.leave_frame(frame.clone());
            }
            consume_budget().await;
        }
    }
}
