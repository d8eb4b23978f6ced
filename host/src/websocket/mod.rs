//! RFC 6455, the server's side: frames to messages and messages to frames.
//!
//! No I/O, no clock, no runtime: bytes go in and come out. What arrives goes
//! through a [`Decoder`]:
//!
//! ```text
//! socket → Decoder → Start (header, whole control frames) → Body (payload) → Message
//! ```
//!
//! and what is to be sent gathers in a [`SendQueue`], which the connection
//! writes to the socket with one vectored write. Between messages a decoder
//! holds no buffer, and an empty queue holds none either.
//!
//! Text is UTF-8, control payloads are at most 125 bytes and Close frames are
//! valid wherever they are a value here: [`Utf8Bytes`], [`ControlPayload`] and
//! [`CloseFrame`] can't be made otherwise.

mod body;
mod close;
mod decoder;
mod encoder;
mod error;
mod header;
mod mask;
mod message;
mod progress;
mod send_queue;
mod start;
mod utf8;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use tokio_tungstenite::tungstenite::Utf8Bytes;

pub use self::{
    body::PayloadSpace,
    close::{CloseCode, CloseFrame, InvalidClose},
    decoder::Decoder,
    encoder::encode_frame,
    error::{DecodeError, ProtocolError, Utf8Place},
    message::{ControlPayload, Message, PayloadTooLong},
    send_queue::SendQueue,
};
