//! What crosses a WebSocket.

use std::ops::Deref;

use bytes::Bytes;
use thiserror::Error;

use super::{CloseFrame, Utf8Bytes};

/// A message with its fragments joined, or a control frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text (RFC 6455, 5.6).
    Text(Utf8Bytes),
    /// Bytes (5.6).
    Binary(Bytes),
    /// A ping (5.5.2). A pong with the same payload answers it.
    Ping(ControlPayload),
    /// A pong (5.5.3).
    Pong(ControlPayload),
    /// The start of the closing handshake, or the answer to it (5.5.1). None:
    /// without a code.
    Close(Option<CloseFrame>),
}

impl Message {
    /// How many bytes of payload this is, without a frame's header.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::Ping(payload) | Self::Pong(payload) => payload.len(),
            Self::Close(None) => 0,
            Self::Close(Some(frame)) => frame.payload_len_bytes(),
        }
    }

    /// Copies the payload, so that this keeps no larger buffer alive that others
    /// were read with.
    pub fn detach(&mut self) {
        match self {
            Self::Text(text) => *text = Utf8Bytes::from(text.as_str()),
            Self::Binary(bytes) => *bytes = Bytes::copy_from_slice(bytes),
            Self::Ping(payload) | Self::Pong(payload) => {
                payload.0 = Bytes::copy_from_slice(&payload.0);
            }
            Self::Close(_) => {}
        }
    }
}

/// The payload of a ping or a pong: at most 125 bytes (RFC 6455, 5.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlPayload(Bytes);

/// A ping's or pong's payload is over [`ControlPayload::LEN_MAX_BYTES`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a ping or pong carries at most 125 bytes, not {len_bytes}")]
pub struct PayloadTooLong {
    /// How long it is.
    pub len_bytes: usize,
}

impl ControlPayload {
    /// What a control frame can carry.
    pub const LEN_MAX_BYTES: usize = 125;

    /// Makes a payload of these bytes.
    ///
    /// # Errors
    ///
    /// [`PayloadTooLong`] over 125 bytes.
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, PayloadTooLong> {
        let bytes = bytes.into();
        match bytes.len() {
            0..=Self::LEN_MAX_BYTES => Ok(Self(bytes)),
            len_bytes => Err(PayloadTooLong { len_bytes }),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

impl Deref for ControlPayload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<ControlPayload> for Bytes {
    fn from(payload: ControlPayload) -> Self {
        payload.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_payload_is_at_most_125_bytes() {
        assert_eq!(ControlPayload::new(vec![7; 125]).unwrap().len(), 125);
        let error = ControlPayload::new(vec![7; 126]).unwrap_err();
        assert_eq!(error, PayloadTooLong { len_bytes: 126 });
        assert_eq!(error.to_string(), "a ping or pong carries at most 125 bytes, not 126");
    }

    #[test]
    fn length_is_the_payloads() {
        assert_eq!(Message::Text("grün".into()).len_bytes(), 5);
        assert_eq!(Message::Close(None).len_bytes(), 0);
        let close = CloseFrame::new(1000, "bye").unwrap();
        assert_eq!(Message::Close(Some(close)).len_bytes(), 5);
    }
}
