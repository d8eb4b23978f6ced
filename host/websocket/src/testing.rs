//! What the tests of this module share: a client's frames, and messages.

use bytes::{BufMut, BytesMut};
use proptest::prelude::*;

use super::{CloseFrame, ControlPayload, DecodeError, Decoder, Message, mask::Mask};

pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;

/// A frame as a client sends it: masked.
#[derive(Clone, Debug)]
pub(super) struct ClientFrame {
    fin: bool,
    opcode: u8,
    payload: Vec<u8>,
    key: [u8; 4],
}

impl ClientFrame {
    pub(super) fn new(opcode: u8, payload: &[u8]) -> Self {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        Self { fin: true, opcode, payload: payload.to_vec(), key }
    }

    /// Not the message's last frame.
    pub(super) fn more(self) -> Self {
        Self { fin: false, ..self }
    }

    /// With RSV1 set.
    pub(super) fn compressed(self) -> Self {
        Self { opcode: self.opcode | 0x40, ..self }
    }

    pub(super) fn masked_by(self, key: [u8; 4]) -> Self {
        Self { key, ..self }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![u8::from(self.fin) << 7 | self.opcode];
        match self.payload.len() {
            len @ 0..126 => out.put_u8(0x80 | u8::try_from(len).unwrap()),
            len @ 126..65536 => {
                out.put_u8(0x80 | 126);
                out.put_u16(u16::try_from(len).unwrap());
            }
            len => {
                out.put_u8(0x80 | 127);
                out.put_u64(len as u64);
            }
        }
        out.extend(self.key);
        let mut payload = self.payload.clone();
        Mask::new(self.key).apply(&mut payload);
        out.extend(payload);
        out
    }
}

/// A ping's or pong's payload.
pub(super) fn payload(bytes: &'static [u8]) -> ControlPayload {
    ControlPayload::new(bytes).unwrap()
}

/// What a stream of bytes decodes to: the messages, and the error at the end.
pub(super) type Decoded = (Vec<Message>, Option<DecodeError>);

/// Decodes `stream` as it arrives in pieces of the lengths given, over and over.
/// Big payloads are read in place now and then. Looks after each call whether
/// too much memory is reserved.
pub(super) fn decode_pieces(stream: &[u8], lengths: &[usize], size_max: usize) -> Decoded {
    decode_pieces_by(Decoder::new(size_max), stream, lengths, size_max)
}

/// The same by this decoder.
pub(super) fn decode_pieces_by(
    mut decoder: Decoder,
    stream: &[u8],
    lengths: &[usize],
    size_max: usize,
) -> Decoded {
    let mut messages = Vec::new();
    let mut stream = stream;
    let mut lengths = lengths.iter().cycle();
    while !stream.is_empty() {
        let len = lengths.next().map_or(stream.len(), |&len| len.clamp(1, stream.len()));
        let arrived = arrive(&mut decoder, &stream[..len], &mut messages);
        assert!(decoder.reserved_bytes() <= size_max);
        match arrived {
            Ok(taken) => stream = &stream[taken..],
            Err(error) => return (messages, Some(error)),
        }
    }
    (messages, None)
}

/// Gives the decoder bytes, in place (then perhaps not all of them) or as input.
fn arrive(
    decoder: &mut Decoder,
    bytes: &[u8],
    messages: &mut Vec<Message>,
) -> Result<usize, DecodeError> {
    if bytes.len().is_multiple_of(2)
        && let Some(mut space) = decoder.payload_space()
    {
        let taken = bytes.len().min(space.remaining_mut());
        space.put_slice(&bytes[..taken]);
        messages.extend(decoder.payload_filled()?);
        return Ok(taken);
    }
    let mut input = BytesMut::from(bytes);
    while let Some(message) = decoder.decode(&mut input)? {
        messages.push(message);
    }
    assert!(input.is_empty());
    Ok(bytes.len())
}

/// Any message with a payload of up to `len_max` bytes.
pub(super) fn message(len_max: usize) -> impl Strategy<Value = Message> {
    prop_oneof![
        data_message(len_max),
        control_payload().prop_map(Message::Ping),
        control_payload().prop_map(Message::Pong),
        close_message(),
    ]
}

/// Any text or binary message of up to `len_max` bytes.
pub(super) fn data_message(len_max: usize) -> impl Strategy<Value = Message> {
    prop_oneof![
        // A character has up to four bytes.
        prop::collection::vec(any::<char>(), 0..=len_max / 4)
            .prop_map(|chars| Message::Text(String::from_iter(chars).into())),
        prop::collection::vec(any::<u8>(), 0..=len_max)
            .prop_map(|bytes| Message::Binary(bytes.into())),
    ]
}

/// Any payload of a ping or a pong.
pub(super) fn control_payload() -> impl Strategy<Value = ControlPayload> {
    prop::collection::vec(any::<u8>(), 0..=ControlPayload::LEN_MAX_BYTES)
        .prop_map(|bytes| ControlPayload::new(bytes).unwrap())
}

/// Any Close frame.
pub(super) fn close_message() -> impl Strategy<Value = Message> {
    let code = prop_oneof![1000_u16..=1003, 1007_u16..=1014, 3000_u16..=4999];
    let frame =
        (code, "[a-zé€😀]{0,30}").prop_map(|(code, reason)| CloseFrame::new(code, reason).unwrap());
    prop::option::of(frame).prop_map(Message::Close)
}
