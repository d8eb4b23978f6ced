//! A frame's header, against a second reading of RFC 6455, 5.2.
//!
//! Input: whether permessage-deflate was agreed on (1), and the header's bytes.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use wshost_fuzz::Input;
use wshost_websocket::{
    Agreed, ControlPayload, DecodeError, Decoder, DeflateOptions, Message, ProtocolError,
};

/// Of longer payloads the first bytes aren't sent.
const PAYLOAD_MAX_BYTES: u64 = 4096;

struct Header {
    fin: bool,
    compressed: bool,
    opcode: u16,
    payload_len: u64,
    key: [u8; 4],
    len: usize,
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let deflate = input.byte() & 1 == 1;
    let bytes = input.rest();
    let mut decoder = new_decoder(deflate, usize::MAX);
    match read(bytes, deflate) {
        Err(error) => assert_eq!(decode(&mut decoder, bytes), Err(error.into())),
        Ok(None) => assert_eq!(decode(&mut decoder, bytes), Ok(None)),
        Ok(Some(header)) => check_payload(&header, &mut decoder, &bytes[..header.len], deflate),
    }
});

/// The header at the front of `bytes`; none: it is not all there. An error is
/// that of the first byte that is wrong.
fn read(bytes: &[u8], deflate: bool) -> Result<Option<Header>, ProtocolError> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let word = u16::from_be_bytes([*first, *second]);
    let bit = |place: u32| word >> (15 - place) & 1 == 1;
    let (fin, compressed, opcode) = (bit(0), bit(1), word >> 8 & 15);
    let is_control = opcode >= 8;
    let is_reserved = matches!(opcode, 3..=7 | 11..);
    if bit(2) || bit(3) || compressed && !deflate {
        return Err(ProtocolError::ReservedBits);
    }
    if is_reserved {
        return Err(ProtocolError::ReservedOpcode(first & 15));
    }
    if compressed && !matches!(opcode, 1 | 2) {
        return Err(ProtocolError::ReservedBits);
    }
    if !bit(8) {
        return Err(ProtocolError::Unmasked);
    }
    if is_control && !fin {
        return Err(ProtocolError::FragmentedControl);
    }
    let short = u64::from(word & 127);
    if is_control && short > 125 {
        return Err(ProtocolError::ControlTooLong);
    }
    let (more, least) = match short {
        126 => (2, 126),
        127 => (8, 65536),
        _ => (0, 0),
    };
    if rest.len() < more {
        return Ok(None);
    }
    let (long, rest) = rest.split_at(more);
    let long = long.iter().fold(0, |len, &byte| len << 8 | u64::from(byte));
    if long >> 63 == 1 {
        return Err(ProtocolError::LengthTopBit);
    }
    if long < least {
        return Err(ProtocolError::LengthNotMinimal);
    }
    let payload_len = if more == 0 { short } else { long };
    let Some(&key) = rest.first_chunk() else { return Ok(None) };
    Ok(Some(Header { fin, compressed, opcode, payload_len, key, len: 2 + more + 4 }))
}

/// Sends the header, and its payload if that isn't long: `A`s.
fn check_payload(header: &Header, decoder: &mut Decoder, bytes: &[u8], deflate: bool) {
    let is_data = matches!(header.opcode, 1 | 2);
    if header.opcode == 0 {
        assert_eq!(decode(decoder, bytes), Err(ProtocolError::ContinuationOfNothing.into()));
        return;
    }
    if is_data && header.payload_len > 0 && !header.compressed {
        let limit_bytes = usize::try_from(header.payload_len - 1).expect("64 bits");
        let mut limited = new_decoder(deflate, limit_bytes);
        assert_eq!(decode(&mut limited, bytes), Err(DecodeError::TooBig { limit_bytes }));
    }
    // A compressed message of no bytes is taken for an empty one.
    let is_inflated = header.compressed && header.payload_len > 0;
    if is_inflated || header.payload_len > PAYLOAD_MAX_BYTES {
        assert_eq!(decode(decoder, bytes), Ok(None));
        return;
    }
    let payload = vec![b'A'; usize::try_from(header.payload_len).expect("not long")];
    let masked = payload.iter().zip(header.key.iter().cycle()).map(|(byte, key)| byte ^ key);
    let frame: Vec<u8> = bytes.iter().copied().chain(masked).collect();
    if !payload.is_empty() {
        assert_eq!(decode(decoder, &frame[..frame.len() - 1]), Ok(None));
        assert!(!decoder.is_idle());
    }
    let from = if payload.is_empty() { 0 } else { frame.len() - 1 };
    let decoded = decode(decoder, &frame[from..]);
    match expected(header, payload) {
        Some(message) => {
            assert_eq!(decoded, Ok(Some(message)));
            assert!(decoder.is_idle());
        }
        // Only the Close frame's payload is checked here: a byte is no code,
        // and 0x4141 none that may be sent.
        None if header.opcode == 8 => assert!(matches!(decoded, Err(DecodeError::Protocol(_)))),
        None => assert_eq!(decoded, Ok(None)),
    }
}

fn expected(header: &Header, payload: Vec<u8>) -> Option<Message> {
    let control = |payload| ControlPayload::new(payload).expect("at most 125");
    match header.opcode {
        1 if header.fin => String::from_utf8(payload).ok().map(|text| Message::Text(text.into())),
        2 if header.fin => Some(Message::Binary(payload.into())),
        8 if payload.is_empty() => Some(Message::Close(None)),
        9 => Some(Message::Ping(control(payload))),
        10 => Some(Message::Pong(control(payload))),
        _ => None,
    }
}

fn new_decoder(deflate: bool, size_max: usize) -> Decoder {
    if !deflate {
        return Decoder::new(size_max);
    }
    let agreed = Agreed::to_offer([], &DeflateOptions::default()).expect("a valid offer");
    Decoder::with_deflate(size_max, &agreed)
}

fn decode(decoder: &mut Decoder, bytes: &[u8]) -> Result<Option<Message>, DecodeError> {
    decoder.decode(&mut BytesMut::from(bytes))
}
