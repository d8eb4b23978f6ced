//! Frames, as they cross a WebSocket.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

/// A message as it crosses a WebSocket, its fragments joined; or a control frame.
///
/// A Close frame is none of these: it is sent by [`close`](crate::close), and
/// arrives as the [`Reason`](crate::Reason) of the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A ping. The host has answered one that was received.
    Ping(ControlPayload),
    /// A pong.
    Pong(ControlPayload),
}

impl Frame {
    /// The text of a text frame.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The payload's bytes, of whatever kind the frame is.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(data) => data,
            Self::Ping(payload) | Self::Pong(payload) => payload,
        }
    }
}

impl From<&str> for Frame {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Frame {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Cow<'_, str>> for Frame {
    fn from(text: Cow<'_, str>) -> Self {
        Self::Text(text.into_owned())
    }
}

impl From<Vec<u8>> for Frame {
    fn from(data: Vec<u8>) -> Self {
        Self::Binary(data)
    }
}

impl From<&[u8]> for Frame {
    fn from(data: &[u8]) -> Self {
        Self::Binary(data.to_vec())
    }
}

/// The payload of a ping or a pong: at most 125 bytes (RFC 6455, section 5.5).
///
/// Made from a literal, its length is checked by the compiler:
///
/// ```
/// use wshost_sdk::ControlPayload;
///
/// let payload: ControlPayload = b"still there?".into();
/// assert!(ControlPayload::try_from(vec![0; 126]).is_err());
/// ```
///
/// ```compile_fail
/// # use wshost_sdk::ControlPayload;
/// let payload: ControlPayload = (&[0; 126]).into();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ControlPayload(Vec<u8>);

impl ControlPayload {
    /// The most bytes it may have.
    pub const BYTES_MAX: usize = 125;

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// For what the host gives, which it has checked, and for its tests.
    pub(crate) fn unchecked(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for ControlPayload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<Vec<u8>> for ControlPayload {
    type Error = PayloadTooLong;

    fn try_from(bytes: Vec<u8>) -> Result<Self, PayloadTooLong> {
        if bytes.len() > Self::BYTES_MAX {
            return Err(PayloadTooLong { len: bytes.len() });
        }
        Ok(Self(bytes))
    }
}

impl<const N: usize> From<&[u8; N]> for ControlPayload {
    fn from(bytes: &[u8; N]) -> Self {
        const { assert!(N <= Self::BYTES_MAX, "a ping or pong has at most 125 bytes") };
        Self(bytes.to_vec())
    }
}

/// More than 125 bytes were to go into a ping or a pong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadTooLong {
    len: usize,
}

impl fmt::Display for PayloadTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a ping or pong has at most {} bytes, not {}",
            ControlPayload::BYTES_MAX,
            self.len
        )
    }
}

impl std::error::Error for PayloadTooLong {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_payload_is_bounded() {
        let payload = ControlPayload::try_from(vec![1; 125]).unwrap();
        assert_eq!(payload.len(), 125);
        let error = ControlPayload::try_from(vec![1; 126]).unwrap_err();
        assert_eq!(error.to_string(), "a ping or pong has at most 125 bytes, not 126");
    }

    #[test]
    fn every_frame_has_bytes() {
        assert_eq!(Frame::from("a").as_bytes(), b"a");
        assert_eq!(Frame::from(vec![1]).as_bytes(), [1]);
        assert_eq!(Frame::Ping(b"p".into()).as_bytes(), b"p");
        assert_eq!(Frame::from("a").as_text(), Some("a"));
        assert_eq!(Frame::from(vec![1]).as_text(), None);
    }
}
