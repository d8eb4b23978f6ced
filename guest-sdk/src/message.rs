//! What `info` is given, and the names of things.

use std::fmt;

use crate::Error;
use crate::presence::Present;

/// Names one connection: opaque text, compared by equality.
///
/// It can't be guessed and is not used twice. Whoever has it may
/// [send](crate::connections::send) to the connection, so it can be passed on
/// to other handlers, and should not be shown to peers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(String);

impl ConnectionId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ConnectionId {
    /// The id that this text is, such as one that another handler passed on.
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl From<&str> for ConnectionId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one timer of this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(u64);

impl TimerId {
    /// The id as a number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for TimerId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

impl fmt::Display for TimerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names a question from one connection to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(u64);

impl CallId {
    /// The id as a number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for CallId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

/// A place in the history of a topic: opaque text. Whoever has it may
/// [subscribe](crate::topics::subscribe_since) to what came behind it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position(String);

impl Position {
    /// The position as text, such as to give it to a client.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Position {
    /// The position that this text is, such as one that a client kept.
    fn from(position: String) -> Self {
        Self(position)
    }
}

impl From<&str> for Position {
    fn from(position: &str) -> Self {
        Self(position.to_owned())
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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
    /// Changed its metadata.
    Updated,
    /// Went, or its node did.
    Left,
}
