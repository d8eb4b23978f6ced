//! What is left for a connection's handler.

use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

use super::{
    ConnectionId,
    history::Position,
    presence::{Change, Present},
};

/// A message for a handler's `info`.
#[derive(Clone, Debug)]
pub enum Mail {
    /// From one connection.
    Direct {
        /// Who sent it.
        from: ConnectionId,
        /// What it says.
        payload: Bytes,
    },
    /// From a topic.
    Published {
        /// Which.
        topic: Arc<str>,
        /// Who published it; none: it came from outside.
        from: Option<ConnectionId>,
        /// What it says.
        payload: Bytes,
        /// Its place in the topic's history, if that has one.
        position: Option<Position>,
    },
    /// From the operator.
    Operator {
        /// What it says.
        payload: Bytes,
    },
    /// A connection that it monitors has ended.
    Down {
        /// Which one.
        id: ConnectionId,
        /// Why, for people.
        reason: Arc<str>,
    },
    /// One connection asks.
    Call {
        /// Who.
        from: ConnectionId,
        /// The number that the call has there.
        call: u64,
        /// The question.
        payload: Bytes,
    },
    /// The answer to what it asked.
    Reply {
        /// The call's number.
        call: u64,
        /// The answer, or why there is none.
        answer: Result<Bytes, NoAnswer>,
    },
    /// Who is present on a topic that it watches has changed.
    Presence {
        /// Which topic.
        topic: Arc<str>,
        /// What happened.
        change: Change,
        /// To whom.
        present: Arc<Present>,
    },
    /// Something of a topic's history is missing before what comes next.
    Gap {
        /// Which topic.
        topic: Arc<str>,
    },
}

/// Why a call is not answered. The texts are the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoAnswer {
    /// Its time is up.
    #[error("timeout")]
    Timeout,
    /// The connection has ended, or never was.
    #[error("no connection")]
    NoConnection,
    /// The connection's mailbox is full, or takes no messages.
    #[error("no room")]
    NoRoom,
}

impl Mail {
    /// The bytes that the peer or a handler has made it of.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Direct { payload, .. }
            | Self::Operator { payload }
            | Self::Call { payload, .. }
            | Self::Reply { answer: Ok(payload), .. } => payload.len(),
            Self::Published { topic, payload, .. } => topic.len() + payload.len(),
            Self::Presence { topic, present, .. } => topic.len() + present.bytes(),
            Self::Gap { topic } => topic.len(),
            Self::Down { reason, .. } => reason.len(),
            Self::Reply { answer: Err(_), .. } => 0,
        }
    }

    /// Whether it is left even where there is no room. There are only so many: one for
    /// each monitor, and one for each subscription, which is forgotten with it.
    pub(super) fn has_room_always(&self) -> bool {
        matches!(self, Self::Down { .. } | Self::Gap { .. })
    }
}
