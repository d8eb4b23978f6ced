//! RFC 6455 and RFC 7692, the server's side: frames to messages and messages to
//! frames, and the opening [`handshake`], also that of RFC 8441.
//!
//! No I/O, no clock, no runtime: bytes go in and come out. What arrives goes
//! through a [`Decoder`]:
//!
//! ```text
//! socket → Decoder → Start (header, whole control frames) → Body (payload) → Message
//!                                                         ↘ Inflating       ↗
//! ```
//!
//! and what is to be sent goes through an [`Encoder`], which compresses it where
//! that was [`Agreed`] on, and gathers in a [`SendQueue`], which the connection
//! writes to the socket with one vectored write. Between messages a decoder
//! holds no buffer, and an empty queue holds none either. What is sent to many
//! is a [`SharedFrame`], compressed once for all of them.
//!
//! Text is UTF-8, control payloads are at most 125 bytes and Close frames are
//! valid wherever they are a value here: [`Utf8Bytes`], [`ControlPayload`] and
//! [`CloseFrame`] can't be made otherwise.

mod body;
mod close;
mod content;
mod decoder;
mod deflate;
mod encoder;
mod error;
pub mod handshake;
mod header;
mod mask;
mod message;
mod partial;
mod progress;
mod send_queue;
mod shared_frame;
mod start;
mod utf8;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use tungstenite::Utf8Bytes;

pub use self::{
    close::{CloseCode, CloseFrame, InvalidClose},
    content::PayloadSpace,
    decoder::Decoder,
    deflate::{Agreed, DeflateOptions, DeflateStrategy, OutOfRange, PERMESSAGE_DEFLATE},
    encoder::{Encoder, encode_frame},
    error::{DecodeError, ProtocolError, Utf8Place},
    message::{ControlPayload, Message, PayloadTooLong},
    send_queue::SendQueue,
    shared_frame::SharedFrame,
};
