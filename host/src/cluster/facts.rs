//! What a node tells all others of itself: the names of its connections, and where they
//! are present.

use std::sync::Arc;

use crate::messaging::{Attendance, ConnectionId, Present};

/// Something that is so until it is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// A name is a connection's.
    Name {
        name: Arc<str>,
        id: ConnectionId,
        /// False: other nodes are still asked.
        is_granted: bool,
    },
    /// A connection is present on a topic.
    Present(Arc<str>, Arc<Present>),
}

/// What a fact is about. There is one of each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    Name(Arc<str>),
    Present(Arc<str>, ConnectionId),
}

impl Fact {
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Name { name, .. } => Key::Name(name.clone()),
            Self::Present(topic, present) => Key::Present(topic.clone(), present.id),
        }
    }

    /// About how long it is as a part of a packet.
    pub(super) fn len_bytes(&self) -> usize {
        const FIXED: usize = 32;
        FIXED
            + match self {
                Self::Name { name, .. } => name.len(),
                Self::Present(topic, present) => {
                    let name = present.name.as_ref().map_or(0, |name| name.len());
                    topic.len() + name + present.metadata.len()
                }
            }
    }

    /// What presence changes by it.
    pub(super) fn attendance(&self) -> Option<Attendance> {
        match self {
            Self::Name { .. } => None,
            Self::Present(topic, present) => {
                Some(Attendance::Present(topic.clone(), present.clone()))
            }
        }
    }
}

impl Key {
    /// What presence changes where it is taken back.
    pub(super) fn attendance(&self) -> Option<Attendance> {
        match self {
            Self::Name(_) => None,
            Self::Present(topic, id) => Some(Attendance::Absent(topic.clone(), *id)),
        }
    }
}
