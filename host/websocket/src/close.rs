//! Close frames: codes and reasons (RFC 6455, 5.5.1 and 7.4).

use std::{fmt, str};

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

use super::{DecodeError, ProtocolError, Utf8Bytes, Utf8Place};

/// A code that may stand in a Close frame: 1000 to 1003, 1007 to 1014, or 3000
/// to 4999 (RFC 6455, 7.4.2, and IANA's registry).
///
/// 1004 to 1006 and 1015 are kept from the wire, 1016 to 2999 aren't assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose was fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The host goes down, or a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// Data of a kind that can't be accepted.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// Data that doesn't fit its kind, such as text that isn't UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// A policy was broken, and no other code says it better.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message is too big.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// A client misses an extension; servers don't send it.
    pub const EXTENSION_MISSING: Self = Self(1010);
    /// The server failed.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The service restarts: connect again, soon.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// There is too much to do: connect again, later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// A gateway got no proper answer from the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code as a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidClose;

    fn try_from(code: u16) -> Result<Self, InvalidClose> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Self(code)),
            _ => Err(InvalidClose::Code(code)),
        }
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a Close frame says. Valid as it is: it can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    code: CloseCode,
    reason: Utf8Bytes,
}

/// Why a code and a reason make no Close frame.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum InvalidClose {
    /// The code is none that may be sent.
    #[error("{0} is no close code that may be sent: take 1000-1003, 1007-1014 or 3000-4999")]
    Code(u16),
    /// The reason is over [`CloseFrame::REASON_LEN_MAX_BYTES`].
    #[error("the reason of a Close frame has at most 123 bytes, not {0}")]
    ReasonLen(usize),
}

impl CloseFrame {
    /// What is left for the reason of a control frame's 125 bytes.
    pub const REASON_LEN_MAX_BYTES: usize = 123;

    /// Makes a Close frame of a code and a reason, which may be empty.
    ///
    /// # Errors
    ///
    /// [`InvalidClose`] for a code that may not be sent, or a reason of more
    /// than 123 bytes.
    pub fn new(code: u16, reason: impl Into<Utf8Bytes>) -> Result<Self, InvalidClose> {
        let code = CloseCode::try_from(code)?;
        let reason = reason.into();
        match reason.len() {
            0..=Self::REASON_LEN_MAX_BYTES => Ok(Self { code, reason }),
            len => Err(InvalidClose::ReasonLen(len)),
        }
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> CloseCode {
        self.code
    }

    /// The reason; empty where none was given.
    #[must_use]
    pub fn reason(&self) -> &Utf8Bytes {
        &self.reason
    }

    /// Reads the payload of a Close frame that was received: nothing, or a code
    /// and a reason.
    pub(super) fn decode(payload: &[u8]) -> Result<Option<Self>, DecodeError> {
        if payload.is_empty() {
            return Ok(None);
        }
        let Some((code, reason)) = payload.split_first_chunk() else {
            return Err(ProtocolError::ClosePayloadOfOneByte.into());
        };
        let reason =
            str::from_utf8(reason).map_err(|_| DecodeError::Utf8(Utf8Place::CloseReason))?;
        let frame = Self::new(u16::from_be_bytes(*code), reason).map_err(ProtocolError::Close)?;
        Ok(Some(frame))
    }

    /// The payload that says this.
    pub(super) fn encode(&self) -> Bytes {
        let mut payload = BytesMut::with_capacity(self.payload_len_bytes());
        payload.put_u16(self.code.0);
        payload.put_slice(self.reason.as_bytes());
        payload.freeze()
    }

    pub(super) fn payload_len_bytes(&self) -> usize {
        size_of::<u16>() + self.reason.len()
    }
}

impl From<CloseCode> for CloseFrame {
    /// A Close frame without a reason.
    fn from(code: CloseCode) -> Self {
        Self { code, reason: Utf8Bytes::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_be_sent() {
        for code in [1000, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999] {
            assert_eq!(u16::from(CloseCode::try_from(code).unwrap()), code);
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, u16::MAX] {
            assert_eq!(CloseCode::try_from(code), Err(InvalidClose::Code(code)));
        }
    }

    #[test]
    fn reason_is_at_most_123_bytes() {
        assert!(CloseFrame::new(1000, "é".repeat(61) + "x").is_ok());
        let reason = "é".repeat(62);
        assert_eq!(CloseFrame::new(1000, reason), Err(InvalidClose::ReasonLen(124)));
    }

    #[test]
    fn reads_what_it_writes() {
        let frame = CloseFrame::new(4000, "zu groß").unwrap();
        assert_eq!(CloseFrame::decode(&frame.encode()), Ok(Some(frame)));
        let bare = CloseFrame::from(CloseCode::GOING_AWAY);
        assert_eq!(&bare.encode()[..], [0x03, 0xe9]);
        assert_eq!(CloseFrame::decode(&bare.encode()), Ok(Some(bare)));
        assert_eq!(CloseFrame::decode(&[]), Ok(None));
    }

    #[test]
    fn refuses_bad_payloads() {
        let one = ProtocolError::ClosePayloadOfOneByte;
        assert_eq!(CloseFrame::decode(&[3]), Err(one.into()));
        let code = ProtocolError::Close(InvalidClose::Code(1005));
        assert_eq!(CloseFrame::decode(&[0x03, 0xed]), Err(code.into()));
        let utf8 = DecodeError::Utf8(Utf8Place::CloseReason);
        assert_eq!(CloseFrame::decode(&[0x03, 0xe8, 0xff]), Err(utf8));
    }
}
