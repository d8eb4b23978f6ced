//! How a peer's bytes can be wrong, and the close code for it.

use thiserror::Error;

use super::{CloseCode, InvalidClose};

/// Why a connection's bytes can't be decoded any further.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The peer broke the protocol: 1002.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// What must be UTF-8 isn't (RFC 6455, 8.1): 1007.
    #[error("{0} is not UTF-8")]
    Utf8(Utf8Place),
    /// A message, fragments joined, is over the limit: 1009.
    #[error("the message has more than {limit_bytes} bytes")]
    TooBig {
        /// The limit it is over.
        limit_bytes: usize,
    },
}

impl DecodeError {
    /// The code to close with (RFC 6455, 7.4.1).
    #[must_use]
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::Protocol(_) => CloseCode::PROTOCOL_ERROR,
            Self::Utf8(_) => CloseCode::INVALID_PAYLOAD,
            Self::TooBig { .. } => CloseCode::MESSAGE_TOO_BIG,
        }
    }
}

/// What isn't UTF-8.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Utf8Place {
    /// A text message.
    #[error("the text message")]
    Text,
    /// A Close frame's reason.
    #[error("the reason of the Close frame")]
    CloseReason,
}

/// How a peer broke the protocol.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProtocolError {
    /// Clients mask (RFC 6455, 5.1).
    #[error("the frame is not masked, as a client's must be")]
    Unmasked,
    /// A reserved bit is set that no extension was agreed on for (5.2).
    #[error("the frame sets a reserved bit that no extension gives a meaning")]
    ReservedBits,
    /// An opcode without a meaning: 3 to 7, 11 to 15 (5.2).
    #[error("the frame's opcode is {0:#x}, which is reserved")]
    ReservedOpcode(u8),
    /// Control frames come whole (5.5).
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// Control frames carry at most 125 bytes (5.5).
    #[error("a control frame has more than 125 bytes")]
    ControlTooLong,
    /// A continuation without a message begun (5.4).
    #[error("a continuation frame continues nothing")]
    ContinuationOfNothing,
    /// A new text or binary frame before the last message's end (5.4).
    #[error("a new message begins inside a fragmented one")]
    MessageInsideMessage,
    /// A 64-bit length whose top bit is set (5.2).
    #[error("the frame's length has its top bit set")]
    LengthTopBit,
    /// A length that fits a shorter form. "The minimal number of bytes MUST be
    /// used" (5.2); browsers refuse such frames as well.
    #[error("the frame's length is not encoded in the fewest bytes")]
    LengthNotMinimal,
    /// A compressed message that isn't DEFLATE data, or ends in the midst of it
    /// (RFC 7692, 7.2.2). No RFC names a code: 1007 is for data of the wrong
    /// type inside a message, but here there is no message yet.
    #[error("a compressed message is not valid DEFLATE data")]
    Deflate,
    /// A Close frame with half a code (5.5.1).
    #[error("a Close frame has a payload of one byte")]
    ClosePayloadOfOneByte,
    /// A Close frame with a code that may not be sent (7.4).
    #[error("a Close frame is not valid: {0}")]
    Close(InvalidClose),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_code_and_a_sentence() {
        let cases: [(DecodeError, u16, &str); 5] = [
            (
                ProtocolError::ReservedOpcode(0xb).into(),
                1002,
                "the frame's opcode is 0xb, which is reserved",
            ),
            (ProtocolError::Deflate.into(), 1002, "a compressed message is not valid DEFLATE data"),
            (DecodeError::Utf8(Utf8Place::Text), 1007, "the text message is not UTF-8"),
            (
                DecodeError::Utf8(Utf8Place::CloseReason),
                1007,
                "the reason of the Close frame is not UTF-8",
            ),
            (DecodeError::TooBig { limit_bytes: 9 }, 1009, "the message has more than 9 bytes"),
        ];
        for (error, code, sentence) in cases {
            assert_eq!(error.close_code().get(), code);
            assert_eq!(error.to_string(), sentence);
        }
    }
}
