//! Why a connection ended.

use std::fmt;

use crate::CloseFrame;

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The handler closed it, by [`close`](crate::close).
    Normal,
    /// The handler closed it, by [`stop`](crate::stop).
    Stop,
    /// Nothing was received for the idle timeout.
    Timeout,
    /// The peer closed it, with this Close frame; none: one without a code.
    Remote(Option<CloseFrame>),
    /// It failed.
    Error(ConnectionError),
    /// This limit of the host's was hit.
    Limit(String),
    /// The peer reads too slowly, or the host has too much to do.
    Overloaded,
    /// The host is going down.
    Shutdown,
    /// The plugin was replaced by another version, or removed.
    Replaced,
    /// The operator closed it.
    Operator,
    /// Something else, as text for people.
    Other(String),
}

/// How a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionError {
    /// Text, or the reason of a Close, was not UTF-8 (1007).
    BadEncoding,
    /// The peer broke the protocol (1002).
    BadFrame,
    /// A message was over the greatest size (1009).
    TooBig,
    /// The peer went without a Close frame.
    Closed,
    /// The socket failed.
    Io,
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadEncoding => "text was not UTF-8",
            Self::BadFrame => "the peer broke the protocol",
            Self::TooBig => "a message was too big",
            Self::Closed => "the peer went without a word",
            Self::Io => "the socket failed",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("closed by the handler"),
            Self::Stop => f.write_str("stopped by the handler"),
            Self::Timeout => f.write_str("idle for too long"),
            Self::Remote(None) => f.write_str("closed by the peer"),
            Self::Remote(Some(frame)) => {
                write!(f, "closed by the peer with {}", frame.code())?;
                match frame.reason() {
                    "" => Ok(()),
                    reason => write!(f, " ({reason})"),
                }
            }
            Self::Error(error) => error.fmt(f),
            Self::Limit(which) => write!(f, "a limit was hit: {which}"),
            Self::Overloaded => f.write_str("overloaded"),
            Self::Shutdown => f.write_str("the host is going down"),
            Self::Replaced => f.write_str("the plugin was replaced"),
            Self::Operator => f.write_str("closed by the operator"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CloseCode;

    #[test]
    fn a_reason_is_text_for_people() {
        let remote = |reason: &str| {
            Reason::Remote(Some(CloseFrame::new(CloseCode::GOING_AWAY, reason))).to_string()
        };
        assert_eq!(remote(""), "closed by the peer with 1001");
        assert_eq!(remote("bye"), "closed by the peer with 1001 (bye)");
        let failed = Reason::Error(ConnectionError::Io);
        assert_eq!(failed.to_string(), "the socket failed");
    }
}
