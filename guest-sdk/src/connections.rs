//! Messages from one connection to another, and word of its end.

use std::time::Duration;

use crate::{CallId, ConnectionId, Error, host};

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
/// sends in one callback; [`Error::Unavailable`] where its node can't be reached.
pub fn send(to: &ConnectionId, payload: impl AsRef<[u8]>) -> Result<(), Error> {
    host::send(to, payload.as_ref())
}

/// Has `info` told, by [`Message::Down`](crate::Message::Down), when a connection of
/// this plugin ends: once, behind everything that it sent to this one. At once
/// where there is no such connection. A second time changes nothing before that.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init` and `terminate`; else as [`send`].
pub fn monitor(id: &ConnectionId) -> Result<(), Error> {
    host::monitor(id)
}

/// Takes a [`monitor`] back: no word of the end is delivered any more. Without one
/// it changes nothing.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init` and `terminate`; [`Error::Invalid`].
pub fn demonitor(id: &ConnectionId) -> Result<(), Error> {
    host::demonitor(id)
}

/// Asks a connection of this plugin something, which gets
/// [`Message::Call`](crate::Message::Call). This one gets
/// [`Message::Reply`](crate::Message::Reply), once in any case: with the answer, or
/// why there is none. The time begins at the end of the callback; nobody waits
/// meanwhile.
///
/// ```
/// use wshost_sdk::prelude::*;
///
/// struct Asks;
///
/// #[handler]
/// impl Handler for Asks {
///     fn init(_: Request) -> Result<Accept<Self>, Response> {
///         Ok(Accept::new(Asks))
///     }
///
///     fn text(&mut self, name: String) -> Result<Option<&str>, Error> {
///         let Some(other) = names::lookup(&name)? else { return Ok(Some("nobody")) };
///         connections::call(&other, "how are you?", Duration::from_secs(5))?;
///         Ok(None)
///     }
///
///     fn info(&mut self, message: Message) -> Result<Option<String>, Error> {
///         match message {
///             Message::Call { sender, call, .. } => {
///                 connections::reply(&sender, call, "fine")?;
///                 Ok(None)
///             }
///             Message::Reply { answer: Ok(answer), .. } => {
///                 Ok(Some(String::from_utf8_lossy(&answer).into_owned()))
///             }
///             Message::Reply { answer: Err(error), .. } => Ok(Some(error.to_string())),
///             _ => Ok(None),
///         }
///     }
/// }
/// ```
///
/// # Errors
///
/// [`Error::NotOpen`] in `init` and `terminate`; [`Error::Invalid`] also for a time
/// under 1 ms; [`Error::Limit`] also for too many calls without an answer; else as
/// [`send`].
pub fn call(
    to: &ConnectionId,
    payload: impl AsRef<[u8]>,
    timeout: Duration,
) -> Result<CallId, Error> {
    host::call(to, payload.as_ref(), timeout)
}

/// Answers a [`Message::Call`](crate::Message::Call), in the same callback or later. A
/// second answer, one that comes too late, and one that nobody has asked this
/// connection for are dropped.
///
/// # Errors
///
/// As [`send`].
pub fn reply(to: &ConnectionId, call: CallId, payload: impl AsRef<[u8]>) -> Result<(), Error> {
    host::reply(to, call, payload.as_ref())
}
