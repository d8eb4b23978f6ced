//! Topics: one connection publishes, every subscriber gets it.
//!
//! A topic's name is any text without control characters: tokens that are not empty,
//! joined by `.`. It is made by being used, and belongs to this plugin.
//!
//! A subscription may be a pattern: a token `*` stands for any one token, and `>`, as
//! the last one, for one or more. `rooms.*` is every `rooms.NAME`, `rooms.>` also
//! `rooms.NAME.typing`.

use crate::{Error, Frame, Position, host};

/// Who gets what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Every subscriber.
    Everyone,
    /// Every subscriber but the publisher.
    Others,
}

/// What a new subscriber gets of what was published before, where the operator has
/// given the topic a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// Nothing.
    Now,
    /// The last ones, so many at most, of those that have room.
    Last(u32),
    /// Those behind this position. Where that is not all there was, by then or for
    /// want of room, `info` gets a [`Message::Gap`](crate::Message::Gap) before.
    After(Position),
}

/// Subscribes this connection to the topics that match a pattern. A second time
/// changes nothing. What is published to a topic that several of its patterns match
/// arrives once.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init` and `terminate`; [`Error::Invalid`] for a pattern
/// that is none; [`Error::Limit`] for one that is too long, or too many
/// subscriptions.
pub fn subscribe(pattern: &str) -> Result<(), Error> {
    host::subscribe(pattern, &Since::Now)
}

/// Subscribes this connection to a topic, and has it get what was published before:
/// frames to its socket, messages to its [`info`](crate::Handler::info), in order, and
/// then what is published, nothing missing or twice between the two.
///
/// # Errors
///
/// As [`subscribe`]; [`Error::Invalid`] also for a pattern with wildcards, and for a
/// position that is none.
pub fn subscribe_since(topic: &str, since: &Since) -> Result<(), Error> {
    host::subscribe(topic, since)
}

/// Ends a subscription. Messages published before that have not arrived are
/// not delivered any more. Without a subscription it changes nothing.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init` and `terminate`; [`Error::Invalid`] for a name
/// that is not valid.
pub fn unsubscribe(pattern: &str) -> Result<(), Error> {
    host::unsubscribe(pattern)
}

/// Sends a frame to the sockets of a topic's subscribers. Their handlers are
/// not called, and not woken: the way to reach many at little cost.
///
/// It arrives at most once, in order per publisher and topic, and never
/// between the frames of one callback. A subscriber that reads too slowly may
/// lose it.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init`; [`Error::Invalid`] for a topic that is not
/// valid; [`Error::Limit`] for a frame that is too long, or too many in one
/// callback.
pub fn publish(topic: &str, frame: impl Into<Frame>, to: Audience) -> Result<(), Error> {
    host::publish_frame(topic, frame.into(), to)
}

/// Sends a message to the [`info`](crate::Handler::info) of a topic's
/// subscribers, waking each.
///
/// It arrives at most once, in order per publisher and topic. A subscriber
/// whose mailbox is full loses it.
///
/// # Errors
///
/// As [`publish`].
pub fn publish_message(topic: &str, payload: impl AsRef<[u8]>, to: Audience) -> Result<(), Error> {
    host::publish_message(topic, payload.as_ref(), to)
}
