//! What is published, and how it gets to its subscribers.

use std::{collections::HashSet, sync::Arc, time::Instant};

use bytes::Bytes;
use tokio::task::consume_budget;

use super::{
    ConnectionId, Hub, TooLarge,
    history::Position,
    mail::Mail,
    mailbox::{Left, Mailbox},
    topics::Matching,
};
use crate::websocket::SharedFrame;

/// Something published to a topic.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The topic.
    pub topic: Arc<str>,
    /// Who publishes it; none: it comes from outside.
    pub from: Option<ConnectionId>,
    /// Whether the publisher, if subscribed, gets it too.
    pub to_self: bool,
    /// What.
    pub content: Content,
}

/// What is published.
#[derive(Clone, Debug)]
pub enum Content {
    /// A frame, for sockets.
    Frame(SharedFrame),
    /// A message, for `info`.
    Message(Bytes),
}

impl Content {
    /// How many bytes of payload it is.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.len_bytes(),
            Self::Message(payload) => payload.len(),
        }
    }
}

impl Publication {
    /// As a message for `info`.
    pub(super) fn message(&self, payload: &Bytes, position: Option<Position>) -> Mail {
        let (topic, from, payload) = (self.topic.clone(), self.from, payload.clone());
        Mail::Published { topic, from, payload, position }
    }

    /// Leaves it for one subscriber.
    pub(super) fn leave(&self, mailbox: &Mailbox, position: Option<Position>) -> Left {
        match &self.content {
            Content::Frame(frame) => mailbox.leave_frame(frame.clone()),
            Content::Message(payload) => mailbox.leave(self.message(payload, position)),
        }
    }

    /// Whether it is not for this one, who publishes it.
    pub(super) fn leaves_out(&self, id: ConnectionId) -> bool {
        !self.to_self && self.from == Some(id)
    }
}

/// What became of something that was published, on this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Subscribers that it waits for.
    pub delivered: usize,
    /// Subscribers that had no room for it.
    pub dropped: usize,
}

impl Hub {
    /// Publishes to the subscribers of all nodes. While it goes on, others have their
    /// turn.
    pub async fn publish(&self, publication: &Publication) -> Published {
        if let Some(remote) = self.remote() {
            remote.publish(publication);
        }
        self.publish_here(publication).await
    }

    /// Publishes to the subscribers of this node what was published elsewhere.
    ///
    /// # Errors
    /// It is more than the plugin's settings allow here.
    pub async fn publish_from_elsewhere(
        &self,
        publication: &Publication,
    ) -> Result<Published, TooLarge> {
        self.limits().check(publication)?;
        Ok(self.publish_here(publication).await)
    }

    async fn publish_here(&self, publication: &Publication) -> Published {
        let topic = &publication.topic;
        let Some(log) = self.history.log(topic) else {
            return self.fan_out(publication, None, self.topics.matching(topic)).await;
        };
        let _in_order = log.order.lock().await;
        let subscribers = || self.topics.matching(topic);
        let now = Instant::now();
        let (position, subscribers) = self.history.keep(&log, publication, subscribers, now);
        self.fan_out(publication, Some(position), subscribers).await
    }

    /// Leaves it for each of them once, whichever of the lists has them.
    async fn fan_out(
        &self,
        publication: &Publication,
        position: Option<Position>,
        lists: Matching,
    ) -> Published {
        let mut published = Published::default();
        let mut seen = HashSet::new();
        for (at, list) in lists.iter().enumerate() {
            // The longest is the last: nothing has to be noted of it.
            let is_last = at + 1 == lists.len();
            for batch in list.batches() {
                for mailbox in batch {
                    let id = mailbox.id;
                    let is_new = if is_last { !seen.contains(&id) } else { seen.insert(id) };
                    if !is_new || publication.leaves_out(id) {
                        continue;
                    }
                    match publication.leave(mailbox, position) {
                        Left::Waiting => published.delivered += 1,
                        Left::Dropped => published.dropped += 1,
                    }
                }
                consume_budget().await;
            }
        }
        published
    }
}
