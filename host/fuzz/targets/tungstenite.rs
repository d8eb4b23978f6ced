//! Against tungstenite's reader, where no extension was agreed on: the same
//! messages and the same verdict.
//!
//! Input: how (4: frames as in `frames_of`, not raw), and the stream. What may
//! differ is listed in docs/conformance.md, and here at [`same_verdict`],
//! [`same_message`] and [`is_length_taken`].
#![no_main]

use std::io::{self, Read, Write};

use libfuzzer_sys::fuzz_target;
use tungstenite::{
    Error, Message as TheirMessage, WebSocket,
    protocol::{CloseFrame as TheirCloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
};
use wshost_fuzz::{Input, decode_whole, frames_of};
use wshost_websocket::{DecodeError, Decoder, Message, ProtocolError};

const SIZE_MAX: usize = 1024;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let mut stream = match input.byte() & 4 {
        0 => input.rest().to_vec(),
        _ => frames_of(&mut input),
    };
    let (ours, error) = decode_whole(Decoder::new(SIZE_MAX), &stream);
    if error.is_some() {
        // We fail at the first wrong byte, they when the frame is whole: this
        // ends any frame that may come.
        stream.extend([0; SIZE_MAX + 14]);
    }
    let (theirs, end) = read_all(&stream);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!(same_message(ours, theirs), "we: {ours:?}, they: {theirs:?}");
    }
    if matches!(error, Some(DecodeError::Protocol(error)) if is_length_taken(error)) {
        assert!(theirs.len() >= ours.len());
        return;
    }
    let refused_close = matches!(error, Some(DecodeError::Protocol(ProtocolError::Close(_))));
    if refused_close {
        let close = &theirs[ours.len()..];
        assert!(matches!(close, [TheirMessage::Close(Some(close))] if is_violation(close)));
        return;
    }
    assert_eq!(ours.len(), theirs.len(), "we: {ours:?}, {error:?}, they: {theirs:?}, {end}");
    assert!(same_verdict(error, &end), "we: {error:?}, they: {end:?}");
});

/// Whether they may go on: they take any length that is encoded in more bytes
/// than it needs. A control frame's is such a one too where it isn't too long.
fn is_length_taken(error: ProtocolError) -> bool {
    matches!(error, ProtocolError::LengthNotMinimal | ProtocolError::ControlTooLong)
}

fn same_verdict(ours: Option<DecodeError>, theirs: &Error) -> bool {
    use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    match (ours, theirs) {
        // The end of the input, after a Close or not.
        (None, Error::Protocol(ResetWithoutClosingHandshake) | Error::ConnectionClosed) => true,
        (_, Error::Protocol(ResetWithoutClosingHandshake) | Error::ConnectionClosed) => false,
        (Some(DecodeError::Protocol(_)), Error::Protocol(_)) => true,
        // They look at the length before all else but the opcode.
        (Some(DecodeError::Protocol(_)), Error::Capacity(_)) => true,
        (Some(DecodeError::TooBig { .. }), Error::Capacity(_)) => true,
        (Some(DecodeError::Utf8(_)), Error::Utf8(_)) => true,
        _ => false,
    }
}

fn same_message(ours: &Message, theirs: &TheirMessage) -> bool {
    match (ours, theirs) {
        (Message::Text(ours), TheirMessage::Text(theirs)) => ours == theirs,
        (Message::Binary(ours), TheirMessage::Binary(theirs)) => ours == theirs,
        (Message::Ping(ours), TheirMessage::Ping(theirs)) => ours[..] == theirs[..],
        (Message::Pong(ours), TheirMessage::Pong(theirs)) => ours[..] == theirs[..],
        (Message::Close(None), TheirMessage::Close(None)) => true,
        (Message::Close(Some(ours)), TheirMessage::Close(Some(theirs))) => {
            let same = ours.code().get() == u16::from(theirs.code)
                && ours.reason().as_str() == theirs.reason.as_str();
            // They take 1014, which IANA lists, for a code that may not be sent.
            same || ours.code().get() == 1014 && is_violation(theirs)
        }
        _ => false,
    }
}

/// What they make of a Close frame with a code that may not be sent.
fn is_violation(close: &TheirCloseFrame) -> bool {
    close.code == CloseCode::Protocol && close.reason.as_str() == "Protocol violation"
}

/// All messages that they read, and how it ends.
fn read_all(stream: &[u8]) -> (Vec<TheirMessage>, Error) {
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_message_size(Some(SIZE_MAX))
        .max_frame_size(Some(SIZE_MAX));
    let mut socket = WebSocket::from_raw_socket(Peer(stream), Role::Server, Some(config));
    let mut messages = Vec::new();
    loop {
        match socket.read() {
            Ok(message) => messages.push(message),
            Err(end) => return (messages, end),
        }
    }
}

/// Bytes to read; what is written goes nowhere.
struct Peer<'a>(&'a [u8]);

impl Read for Peer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Peer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
