//! Other nodes, as the hub sees them.
//!
//! All that one connection does to another goes by a [`Letter`]. One for a
//! connection of this node is opened at once; one for another's is given to
//! [`Remote`], and opened there by [`Hub::receive`](super::Hub::receive). So it makes
//! no difference where a connection is.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use thiserror::Error;

use super::{ConnectionId, Present, Publication, Watch, mail::NoAnswer};

/// What concerns one connection, wherever it is.
#[derive(Clone, Debug)]
pub enum Letter {
    /// A message.
    Direct {
        /// From whom.
        from: ConnectionId,
        /// For whom.
        to: ConnectionId,
        /// What it says.
        payload: Bytes,
    },
    /// Asks to be told of a connection's end.
    Monitor {
        /// Who asks.
        by: ConnectionId,
        /// Whose end.
        of: ConnectionId,
    },
    /// A question.
    Call {
        /// Who asks.
        from: ConnectionId,
        /// Who is asked.
        to: ConnectionId,
        /// Its number there.
        call: u64,
        /// What is asked.
        payload: Bytes,
    },
    /// Doesn't wait for something any more.
    Unwatch {
        /// Of whom.
        of: ConnectionId,
        /// What is not waited for.
        watch: Watch,
    },
    /// What was asked, answered or not.
    Reply {
        /// Who was asked.
        from: ConnectionId,
        /// Who asked.
        to: ConnectionId,
        /// The question's number there.
        call: u64,
        /// The answer.
        answer: Result<Bytes, NoAnswer>,
    },
    /// A connection has ended.
    Down {
        /// Which.
        of: ConnectionId,
        /// Who is to be told.
        to: ConnectionId,
        /// Why, for people.
        reason: Arc<str>,
    },
}

impl Letter {
    /// The connection that it is for.
    #[must_use]
    pub fn receiver(&self) -> ConnectionId {
        match self {
            Self::Direct { to, .. }
            | Self::Call { to, .. }
            | Self::Reply { to, .. }
            | Self::Down { to, .. } => *to,
            Self::Monitor { of, .. } | Self::Unwatch { of, .. } => *of,
        }
    }

    /// How long the payload is that it has, if any.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        match self {
            Self::Direct { payload, .. }
            | Self::Call { payload, .. }
            | Self::Reply { answer: Ok(payload), .. } => payload.len(),
            Self::Monitor { .. }
            | Self::Unwatch { .. }
            | Self::Reply { .. }
            | Self::Down { .. } => 0,
        }
    }
}

/// A change in who is present, on whichever node.
#[derive(Clone, Debug)]
pub enum Attendance {
    /// On this topic somebody is present from now on, or has changed.
    Present(Arc<str>, Arc<Present>),
    /// On this topic somebody isn't present any more.
    Absent(Arc<str>, ConnectionId),
}

/// Other nodes can't be reached now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("other nodes can't be reached")]
pub struct Unreachable;

/// The other nodes that serve a plugin. Nothing here waits, but for names; what can't
/// be sent is dropped and counted.
pub trait Remote: fmt::Debug + Send + Sync {
    /// Whether other nodes can be reached now. Where not, what is for them is refused
    /// when it is asked for.
    fn is_reachable(&self) -> bool;

    /// The longest payload that can be brought to other nodes. What is longer is
    /// refused when it is asked for.
    fn payload_max(&self) -> usize;

    /// Sends to the node of the letter's receiver; in order, at most once.
    fn send(&self, letter: Letter);

    /// Publishes to the subscribers of all other nodes, whose hubs get it by
    /// [`Hub::publish_from_elsewhere`](super::Hub::publish_from_elsewhere), once each; in order per
    /// publisher and topic.
    fn publish(&self, publication: &Publication);

    /// Tells all other nodes, whose hubs get it by
    /// [`Hub::present_elsewhere`](super::Hub::present_elsewhere).
    fn attendance(&self, attendance: &Attendance);

    /// Gives a connection of this node a name, if no node has it: true where the
    /// connection has it then. Whatever comes of it, the name is to be
    /// [released](Self::release) if it isn't wanted any more.
    fn claim(&self, name: Arc<str>, id: ConnectionId) -> BoxFuture<'_, Result<bool, Unreachable>>;

    /// Takes a name back.
    fn release(&self, name: &Arc<str>, id: ConnectionId);

    /// Whose name it is on other nodes.
    fn find(&self, name: Arc<str>) -> BoxFuture<'_, Result<Option<ConnectionId>, Unreachable>>;

    /// Tells the other nodes that this one goes, and nothing after that.
    fn leave(&self);
}
