//! Messages from one connection to another.

use crate::{ConnectionId, Error, host};

/// Sends a message to the [`info`](crate::Handler::info) of a connection of
/// this plugin, which may be this one, after the callback has returned.
///
/// It arrives at most once, and in order per sender and receiver. A connection
/// that has ended gets nothing, and the sender is not told; a receiver whose
/// mailbox is full loses the message.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init`; [`Error::Invalid`] where `to` is not of an
/// id's form; [`Error::Limit`] for a payload that is too long, or too many
/// sends in one callback.
pub fn send(to: &ConnectionId, payload: impl AsRef<[u8]>) -> Result<(), Error> {
    host::send(to, payload.as_ref())
}
