//! Names of connections.

use std::{fmt, str::FromStr};

/// Names one connection: 128 random bits, so that nobody guesses another's and
/// none comes twice. As text, 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u128);

/// What was given is not a connection's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a connection's id has 32 hexadecimal digits, in lower case")]
pub struct InvalidId;

impl ConnectionId {
    /// A new one.
    ///
    /// # Panics
    /// If the operating system has no random numbers.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
        Self(u128::from_ne_bytes(bytes))
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
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
        u128::from_str_radix(text, 16).map(Self).map_err(|_| InvalidId)
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
    fn other_text_is_refused() {
        let id = ConnectionId(0xabc).to_string();
        for text in ["", "1", &id.to_uppercase(), &format!("+{}", &id[1..]), &format!("{id}0")] {
            assert_eq!(text.parse::<ConnectionId>(), Err(InvalidId), "{text}");
        }
    }
}
