//! Names of connections, and of the nodes that have them.

use std::{fmt, str::FromStr, sync::LazyLock};

/// Names one node: one run of the host. A number by chance, so that one that is
/// started again is another. As text, 8 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    /// This node.
    ///
    /// # Panics
    /// If the operating system has no random numbers.
    #[must_use]
    pub fn this() -> Self {
        static THIS: LazyLock<NodeId> = LazyLock::new(NodeId::random);
        *THIS
    }

    /// A new one.
    ///
    /// # Panics
    /// As [`this`](Self::this).
    #[must_use]
    pub fn random() -> Self {
        Self(u32::from_ne_bytes(random()))
    }
}

impl NodeId {
    /// As a number.
    #[must_use]
    pub fn to_bits(self) -> u32 {
        self.0
    }

    /// The node of this number.
    #[must_use]
    pub fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names one connection: its node's number, and 96 random bits, so that nobody
/// guesses another's and none comes twice. As text, 32 hexadecimal digits, of the same
/// order.
///
/// Two words, as one number of 128 bits is aligned to as many: in each place where an
/// id stands by a word there would be one more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64, u64);

/// What was given is not a connection's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a connection's id has 32 hexadecimal digits, in lower case")]
pub struct InvalidId;

impl ConnectionId {
    /// A new one, of this node.
    ///
    /// # Panics
    /// If the operating system has no random numbers.
    #[must_use]
    pub fn random() -> Self {
        Self::of(NodeId::this())
    }

    /// A new one, of a node.
    ///
    /// # Panics
    /// As [`random`](Self::random).
    #[must_use]
    pub fn of(node: NodeId) -> Self {
        let chance = u32::from_ne_bytes(random());
        let high = u64::from(node.0) << u32::BITS | u64::from(chance);
        Self(high, u64::from_ne_bytes(random()))
    }

    /// As a number.
    #[must_use]
    pub fn to_bits(self) -> u128 {
        u128::from(self.0) << u64::BITS | u128::from(self.1)
    }

    /// The node that has the connection, or had it.
    #[must_use]
    pub fn node(self) -> NodeId {
        let [.., a, b, c, d] = (self.0 >> u32::BITS).to_be_bytes();
        NodeId(u32::from_be_bytes([a, b, c, d]))
    }

    /// A number by chance of so few values, the same each time.
    pub(super) fn modulo(self, values: usize) -> usize {
        usize::from_ne_bytes(self.1.to_ne_bytes()) % values
    }
}

impl From<u128> for ConnectionId {
    #[expect(clippy::cast_possible_truncation, reason = "its two halves")]
    fn from(number: u128) -> Self {
        Self((number >> 64) as u64, number as u64)
    }
}

/// Bytes by chance.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
    bytes
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0, self.1)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ConnectionId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if text.len() != 32 || !digits {
            return Err(InvalidId);
        }
        u128::from_str_radix(text, 16).map(Self::from).map_err(|_| InvalidId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_the_same_connection() {
        let id = ConnectionId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_ne!(id, ConnectionId::random());
    }

    #[test]
    fn ids_and_their_texts_have_one_order() {
        let mut ids: Vec<_> = (0..100).map(|_| ConnectionId::random()).collect();
        ids.sort_unstable();
        assert!(ids.is_sorted_by_key(ToString::to_string));
    }

    #[test]
    fn an_id_tells_its_node() {
        let node = NodeId::random();
        let id = ConnectionId::of(node);
        assert_eq!(id.node(), node);
        assert!(id.to_string().starts_with(&node.to_string()));
        assert_eq!(ConnectionId::random().node(), NodeId::this());
    }

    #[test]
    fn other_text_is_refused() {
        let id = ConnectionId::from(0xabc).to_string();
        for text in ["", "1", &id.to_uppercase(), &format!("+{}", &id[1..]), &format!("{id}0")] {
            assert_eq!(text.parse::<ConnectionId>(), Err(InvalidId), "{text}");
        }
    }
}
