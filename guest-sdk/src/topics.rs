//! Topics: one connection publishes, every subscriber gets it.
//!
//! A topic is any text without control characters that is not empty. It is
//! made by being used, and belongs to this plugin.

use crate::{Error, Frame, host};

/// Who gets what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Every subscriber.
    Everyone,
    /// Every subscriber but the publisher.
    Others,
}

/// Subscribes this connection to a topic. A second time changes nothing.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init` and `terminate`; [`Error::Invalid`] for a name
/// that is not valid; [`Error::Limit`] for one that is too long, or too many
/// subscriptions.
pub fn subscribe(topic: &str) -> Result<(), Error> {
    host::subscribe(topic)
}

/// Ends a subscription. Messages published before that have not arrived are
/// not delivered any more. Without a subscription it changes nothing.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init` and `terminate`; [`Error::Invalid`] for a name
/// that is not valid.
pub fn unsubscribe(topic: &str) -> Result<(), Error> {
    host::unsubscribe(topic)
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
