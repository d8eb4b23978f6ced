//! Presence: who is here, by topic.
//!
//! A connection [enters](enter) a topic with some text about itself, and is present
//! there until it [leaves](leave) or ends. Others [list] who is here, and
//! [watch] who comes and goes. It has nothing to do with subscriptions.
//!
//! ```
//! use wshost_sdk::prelude::*;
//! use wshost_sdk::presence::{self, WatchAs};
//!
//! struct Room;
//!
//! #[handler]
//! impl Handler for Room {
//!     fn init(_: Request) -> Result<Accept<Self>, Response> {
//!         Ok(Accept::new(Room))
//!     }
//!
//!     fn opened(&mut self) -> Result<String, Error> {
//!         // First this: who comes after the list is told by a frame.
//!         presence::watch("room", WatchAs::Frames)?;
//!         let here = presence::list("room").collect::<Result<Vec<_>, _>>()?;
//!         presence::enter("room", "Ann")?;
//!         Ok(here.iter().map(|present| format!("{} is here. ", present.metadata)).collect())
//!     }
//! }
//!
//! # use wshost_sdk::testing::request;
//! # use wshost_sdk::presence::Present;
//! # let bob = Present { id: "b".into(), name: None, metadata: "Bob".to_owned() };
//! # assert_eq!(request("/").present("room", bob).open::<Room>().opened().texts(), ["Bob is here. "]);
//! ```

use crate::parts::Parts;
use crate::{ConnectionId, Error, host};

/// Somebody who is present on a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Who.
    pub id: ConnectionId,
    /// The first of the [names](crate::names) it had when it entered, if any.
    pub name: Option<String>,
    /// What it says of itself.
    pub metadata: String,
}

/// How changes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchAs {
    /// By [`Message::Presence`](crate::Message::Presence).
    Messages,
    /// By a text frame to the socket, which wakes nobody: a JSON object
    /// `{"presence":"joined","topic":T,"id":ID,"name":NAME,"metadata":M}`, or
    /// `updated` or `left`; NAME may be null. The peer sees the ids.
    Frames,
}

/// Is present on a topic from now on, until [`leave`] or the connection's end, after
/// the callback has returned. Where it is present already: has its metadata and its
/// name changed.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init` and `terminate`; [`Error::Invalid`] for a topic that is
/// none; [`Error::Limit`] for metadata that is too long, or too many topics.
pub fn enter(topic: &str, metadata: &str) -> Result<(), Error> {
    host::enter(topic, metadata)
}

/// Is not present any more, after the callback has returned.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init` and `terminate`; [`Error::Invalid`].
pub fn leave(topic: &str) -> Result<(), Error> {
    host::leave(topic)
}

/// Who is present now, in the order of ids. They are fetched in parts: who comes or
/// goes meanwhile may be among them or not.
///
/// It fails with [`Error::NotOpen`] in `init`, and [`Error::Invalid`].
pub fn list(topic: &str) -> List<'_> {
    List { topic, parts: Parts::new() }
}

/// Has changes told, this connection's own too, in order for each of those present.
/// Done at once: nothing is missed between it and a [`list`] behind it. Counts as a
/// subscription. A second time changes how it is told.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init` and `terminate`; [`Error::Invalid`]; [`Error::Limit`]
/// for too many subscriptions.
pub fn watch(topic: &str, how: WatchAs) -> Result<(), Error> {
    host::watch(topic, how)
}

/// Ends a [`watch`], at once: no message of it is delivered any more.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init` and `terminate`; [`Error::Invalid`].
pub fn unwatch(topic: &str) -> Result<(), Error> {
    host::unwatch(topic)
}

/// Those present on a topic. It ends with the first error.
#[derive(Debug)]
pub struct List<'a> {
    topic: &'a str,
    parts: Parts<Present, ConnectionId>,
}

impl Iterator for List<'_> {
    type Item = Result<Present, Error>;

    fn next(&mut self) -> Option<Result<Present, Error>> {
        let fetch = |after: Option<&_>, count| host::list_present(self.topic, after, count);
        self.parts.next(fetch, |present| present.id.clone())
    }
}
