//! What `info` is given.

use crate::presence::Present;
use crate::{CallId, ConnectionId, Error, Position, TimerId};

/// An event that is not a frame. A connection gets a kind only after it asked
/// for it: by a timer, a subscription, an id it handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// A timer fired.
    Timer {
        /// What [`timers::start`](crate::timers::start) returned.
        id: TimerId,
        /// What it was given.
        payload: Vec<u8>,
    },
    /// Another connection [sent](crate::connections::send) something.
    Direct {
        /// Who sent it.
        sender: ConnectionId,
        /// What it says.
        payload: Vec<u8>,
    },
    /// Something was [published](crate::topics::publish_message) to a topic
    /// that this connection is subscribed to.
    Published {
        /// The topic.
        topic: String,
        /// Who published it; none where it came from outside.
        sender: Option<ConnectionId>,
        /// What it says.
        payload: Vec<u8>,
        /// Its place in the topic's history, if the operator has given it one.
        position: Option<Position>,
    },
    /// The operator sent something.
    Operator(Vec<u8>),
    /// A [monitored](crate::connections::monitor) connection ended.
    Down {
        /// Which one.
        id: ConnectionId,
        /// Why, as text for people; `no connection` where there was none.
        reason: String,
    },
    /// Another connection [asks](crate::connections::call) something, and waits for
    /// [the answer](crate::connections::reply).
    Call {
        /// Who asks.
        sender: ConnectionId,
        /// What to answer to.
        call: CallId,
        /// The question.
        payload: Vec<u8>,
    },
    /// A question of this connection was answered.
    Reply {
        /// Which question.
        call: CallId,
        /// The answer; or why there is none, an [`Error::Unavailable`] that says
        /// `timeout`, `no connection` or `no room`.
        answer: Result<Vec<u8>, Error>,
    },
    /// Who is present on a topic that this connection
    /// [watches](crate::presence::watch) has changed.
    Presence {
        /// The topic.
        topic: String,
        /// What happened.
        change: PresenceChange,
        /// To whom.
        present: Present,
    },
    /// The history of a topic does not go back to the
    /// [position](crate::topics::Since::After) that was asked for: something is
    /// missing. What is left of it comes next.
    Gap {
        /// The topic.
        topic: String,
    },
}

/// What changed in who is present on a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresenceChange {
    /// Came.
    Joined,
    /// Changed its metadata or its name.
    Updated,
    /// Went, or its node did.
    Left,
}
