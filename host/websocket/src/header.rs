//! Frame headers (RFC 6455, 5.2).

use bytes::BufMut;

use super::{ControlPayload, ProtocolError, mask::Mask};

/// The longest header that a server sends: it doesn't mask.
pub(super) const SENT_LEN_MAX_BYTES: usize = 10;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LEN: u8 = 0x7f;
/// The values of the 7-bit length that say how long the real one is.
const LEN_IS_16_BIT: u8 = 126;
const LEN_IS_64_BIT: u8 = 127;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    /// More of the message begun.
    Continuation,
    /// The beginning, perhaps the whole, of a message.
    Data(DataKind),
    /// A control frame.
    Control(ControlKind),
}

/// What a message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataKind {
    Text,
    Binary,
}

/// What a control frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ControlKind {
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn from_bits(bits: u8) -> Result<Self, ProtocolError> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Data(DataKind::Text),
            0x2 => Self::Data(DataKind::Binary),
            0x8 => Self::Control(ControlKind::Close),
            0x9 => Self::Control(ControlKind::Ping),
            0xa => Self::Control(ControlKind::Pong),
            reserved => return Err(ProtocolError::ReservedOpcode(reserved)),
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Data(DataKind::Text) => 0x1,
            Self::Data(DataKind::Binary) => 0x2,
            Self::Control(ControlKind::Close) => 0x8,
            Self::Control(ControlKind::Ping) => 0x9,
            Self::Control(ControlKind::Pong) => 0xa,
        }
    }
}

/// Reserved bits, as they stand in a header's first byte: an extension that
/// was agreed on gives them a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReservedBits(u8);

impl ReservedBits {
    /// None of them: no extension.
    pub(super) const NONE: Self = Self(0);
    /// RSV1: the message is compressed (RFC 7692, 6).
    pub(super) const COMPRESSED: Self = Self(0x40);
}

/// The header of a frame from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Whether this is the message's last frame.
    pub(super) fin: bool,
    pub(super) opcode: Opcode,
    /// Which of those that are allowed are set.
    pub(super) reserved: ReservedBits,
    pub(super) payload_len_bytes: u64,
    pub(super) mask: Mask,
}

/// What the bytes at hand give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A header, and how many bytes it takes.
    Whole(Header, usize),
    /// Not a whole header: so many bytes are needed to know more.
    Partial { needed_bytes: usize },
}

impl Header {
    /// Reads the header at the front of `bytes`.
    ///
    /// What is wrong is told in the order of the bytes, so that the error
    /// doesn't depend on how many of them have arrived.
    pub(super) fn parse(bytes: &[u8], allowed: ReservedBits) -> Result<Parsed, ProtocolError> {
        let Some((&[first, second], rest)) = bytes.split_first_chunk() else {
            return Ok(Parsed::Partial { needed_bytes: 2 });
        };
        let (fin, opcode, reserved) = parse_first(first, allowed)?;
        check_second(second, fin, opcode)?;
        let len_end = 2 + extended_len_bytes(second);
        let Some((payload_len_bytes, rest)) = parse_len(second & LEN, rest)? else {
            // Not the key too: the length may be wrong, and is looked at first.
            return Ok(Parsed::Partial { needed_bytes: len_end });
        };
        let needed_bytes = len_end + size_of::<Mask>();
        let Some(key) = rest.first_chunk() else {
            return Ok(Parsed::Partial { needed_bytes });
        };
        let mask = Mask::new(*key);
        let header = Self { fin, opcode, reserved, payload_len_bytes, mask };
        Ok(Parsed::Whole(header, needed_bytes))
    }
}

fn parse_first(
    first: u8,
    allowed: ReservedBits,
) -> Result<(bool, Opcode, ReservedBits), ProtocolError> {
    let reserved = first & RESERVED;
    if reserved & !allowed.0 != 0 {
        return Err(ProtocolError::ReservedBits);
    }
    let opcode = Opcode::from_bits(first & OPCODE)?;
    // They are said of a message, by its first frame (RFC 7692, 6).
    if reserved != 0 && !matches!(opcode, Opcode::Data(_)) {
        return Err(ProtocolError::ReservedBits);
    }
    Ok((first & FIN != 0, opcode, ReservedBits(reserved)))
}

fn check_second(second: u8, fin: bool, opcode: Opcode) -> Result<(), ProtocolError> {
    if second & MASKED == 0 {
        return Err(ProtocolError::Unmasked);
    }
    match opcode {
        Opcode::Control(_) if !fin => Err(ProtocolError::FragmentedControl),
        Opcode::Control(_) if usize::from(second & LEN) > ControlPayload::LEN_MAX_BYTES => {
            Err(ProtocolError::ControlTooLong)
        }
        _ => Ok(()),
    }
}

fn extended_len_bytes(second: u8) -> usize {
    match second & LEN {
        LEN_IS_16_BIT => 2,
        LEN_IS_64_BIT => 8,
        _ => 0,
    }
}

/// The payload's length and what follows it; none: it is not all there.
fn parse_len(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, ProtocolError> {
    let (len, shorter_max, rest) = match short {
        LEN_IS_16_BIT => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), 125, rest),
            None => return Ok(None),
        },
        LEN_IS_64_BIT => match rest.split_first_chunk() {
            Some((len, rest)) => (u64::from_be_bytes(*len), u64::from(u16::MAX), rest),
            None => return Ok(None),
        },
        len => return Ok(Some((u64::from(len), rest))),
    };
    if len > i64::MAX.cast_unsigned() {
        return Err(ProtocolError::LengthTopBit);
    }
    if len <= shorter_max {
        return Err(ProtocolError::LengthNotMinimal);
    }
    Ok(Some((len, rest)))
}

/// Writes the header of an unmasked, unfragmented frame.
pub(super) fn put_header(
    opcode: Opcode,
    reserved: ReservedBits,
    payload_len_bytes: usize,
    out: &mut impl BufMut,
) {
    out.put_u8(FIN | reserved.0 | opcode.bits());
    if let Ok(len @ ..LEN_IS_16_BIT) = u8::try_from(payload_len_bytes) {
        out.put_u8(len);
    } else if let Ok(len) = u16::try_from(payload_len_bytes) {
        out.put_u8(LEN_IS_16_BIT);
        out.put_u16(len);
    } else {
        out.put_u8(LEN_IS_64_BIT);
        out.put_u64(payload_len_bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Opcode = Opcode::Data(DataKind::Text);
    const BINARY: Opcode = Opcode::Data(DataKind::Binary);

    fn parse(bytes: &[u8]) -> Result<Parsed, ProtocolError> {
        Header::parse(bytes, ReservedBits::NONE)
    }

    fn masked(start: &[u8]) -> Vec<u8> {
        [start, &[0x37, 0xfa, 0x21, 0x3d]].concat()
    }

    #[test]
    fn rfc_examples() {
        let examples: [(&[u8], bool, Opcode, u64); 5] = [
            (&[0x81, 0x85], true, TEXT, 5),
            (&[0x8a, 0x85], true, Opcode::Control(ControlKind::Pong), 5),
            (&[0x80, 0x82], true, Opcode::Continuation, 2),
            (&[0x82, 0xfe, 0x01, 0x00], true, BINARY, 256),
            (&[0x02, 0xff, 0, 0, 0, 0, 0, 1, 0, 0], false, BINARY, 65536),
        ];
        for (start, fin, opcode, payload_len_bytes) in examples {
            let bytes = masked(start);
            let mask = Mask::new([0x37, 0xfa, 0x21, 0x3d]);
            let reserved = ReservedBits::NONE;
            let header = Header { fin, opcode, reserved, payload_len_bytes, mask };
            assert_eq!(parse(&bytes), Ok(Parsed::Whole(header, bytes.len())));
            for cut in 2..bytes.len() {
                // First the length, which can be wrong, then the key.
                let needed_bytes = if cut < start.len() { start.len() } else { bytes.len() };
                assert_eq!(parse(&bytes[..cut]), Ok(Parsed::Partial { needed_bytes }));
            }
            assert_eq!(parse(&bytes[..1]), Ok(Parsed::Partial { needed_bytes: 2 }));
        }
    }

    #[test]
    fn refuses_what_breaks_a_rule_at_the_second_byte() {
        for (bytes, error) in [
            ([0x81, 0x05], ProtocolError::Unmasked),
            ([0xc1, 0x85], ProtocolError::ReservedBits),
            ([0xa1, 0x85], ProtocolError::ReservedBits),
            ([0x91, 0x85], ProtocolError::ReservedBits),
            ([0x83, 0x80], ProtocolError::ReservedOpcode(0x3)),
            ([0x8b, 0x80], ProtocolError::ReservedOpcode(0xb)),
            ([0x09, 0x80], ProtocolError::FragmentedControl),
            ([0x88, 0xfe], ProtocolError::ControlTooLong),
        ] {
            assert_eq!(parse(&bytes), Err(error));
        }
    }

    #[test]
    fn refuses_bad_lengths() {
        for (bytes, error) in [
            (&[0x81, 0xfe, 0, 125][..], ProtocolError::LengthNotMinimal),
            (&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], ProtocolError::LengthNotMinimal),
            (&[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], ProtocolError::LengthTopBit),
        ] {
            assert_eq!(parse(bytes), Err(error));
        }
        let largest = masked(&[0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255]);
        assert!(matches!(parse(&largest), Ok(Parsed::Whole(..))));
    }

    #[test]
    fn a_reserved_bit_can_be_allowed_on_a_messages_first_frame() {
        let parse = |bytes: &[u8]| Header::parse(bytes, ReservedBits::COMPRESSED);
        for first in [0xc1, 0x41, 0xc2, 0x42] {
            let Ok(Parsed::Whole(header, _)) = parse(&masked(&[first, 0x80])) else { panic!() };
            assert_eq!(header.reserved, ReservedBits::COMPRESSED);
        }
        let Ok(Parsed::Whole(header, _)) = parse(&masked(&[0x81, 0x80])) else { panic!() };
        assert_eq!(header.reserved, ReservedBits::NONE);
        // RSV2, RSV3, a continuation, a Close, a ping, a pong.
        for first in [0xe1, 0xd1, 0xc0, 0x40, 0xc8, 0xc9, 0xca] {
            assert_eq!(parse(&[first, 0x80]), Err(ProtocolError::ReservedBits), "{first:x}");
        }
    }

    #[test]
    fn lengths_are_written_in_the_fewest_bytes() {
        let cases: [(usize, &[u8]); 6] = [
            (0, &[0x82, 0]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (65535, &[0x82, 126, 0xff, 0xff]),
            (65536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
            (1 << 32, &[0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0]),
        ];
        for (len, expected) in cases {
            let mut out = Vec::new();
            put_header(BINARY, ReservedBits::NONE, len, &mut out);
            assert_eq!(out, expected);
        }
    }
}
