//! What nodes tell each other.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::{
    facts::{Fact, Key},
    wire::{Malformed, Wire, wire},
};
use crate::messaging::{ConnectionId, Letter, NodeId};

/// Changes with the form of what follows it.
const VERSION: u8 = 1;

/// What stands around a payload, at most: in a packet with a letter, and as headers of a
/// publication.
pub(super) const HEAD_BYTES: usize = 128;

/// Something that a node tells another, or all.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Packet<T> {
    pub(super) from: NodeId,
    /// Counts what this node tells all, or this other node: so that it is noticed where
    /// something is lost.
    pub(super) number: u64,
    pub(super) says: T,
}

/// What is told to all nodes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// It is there.
    Here {
        /// Whether others are to say so too, now.
        hello: bool,
        /// How much of what it published did not get out: histories of others lack it.
        unsent: u64,
    },
    /// This is so from now on.
    Fact { fact: Fact },
    /// And this isn't any more.
    Past { key: Key },
    /// Some of all that is so: nothing else is, between `after` and the last of these,
    /// or from `after` on, where it is the end of it.
    Part { after: Option<Key>, facts: Vec<Fact>, is_end: bool },
    /// Asks for a name: each other node answers by [`Note::Answer`].
    Claim { name: Arc<str>, id: ConnectionId },
}

/// What is told to one node, in one order.
#[derive(Clone, Debug)]
pub(super) enum Note {
    /// For one of its connections.
    Letter { letter: Letter },
    /// Asks for what was missed: all that is so, by [`Said::Part`]; and the monitors of
    /// this node's connections, as letters were lost.
    Missed { facts: bool, letters: bool },
    /// Whether this node has nothing against what was claimed.
    Answer { name: Arc<str>, id: ConnectionId, granted: bool },
    /// Has the number of the one before, so that it is noticed where that is lost.
    Last {},
    /// The node goes.
    Bye {},
}

wire!(enum Said {
    0: Here { hello: hello, unsent: unsent },
    1: Fact { fact: fact },
    2: Past { key: key },
    3: Part { after: after, facts: facts, is_end: is_end },
    4: Claim { name: name, id: id },
});
wire!(enum Note {
    0: Letter { letter: letter },
    1: Missed { facts: facts, letters: letters },
    2: Answer { name: name, id: id, granted: granted },
    3: Last {},
    4: Bye {},
});

impl<T: Wire> Packet<T> {
    pub(super) fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        VERSION.write(&mut out);
        self.from.write(&mut out);
        self.number.write(&mut out);
        self.says.write(&mut out);
        out.freeze()
    }

    pub(super) fn decode(mut bytes: Bytes) -> Result<Self, Malformed> {
        if u8::read(&mut bytes)? != VERSION {
            return Err(Malformed);
        }
        let (from, number) = Wire::read(&mut bytes)?;
        let packet = Self { from, number, says: T::read(&mut bytes)? };
        if bytes.is_empty() { Ok(packet) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests;
