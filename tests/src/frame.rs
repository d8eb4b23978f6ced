//! Frames as RFC 6455 writes them, and as it forbids to. Shares nothing with
//! the host's own codec.

/// Continues a message.
pub const CONTINUATION: u8 = 0;
/// A text message, or its first fragment.
pub const TEXT: u8 = 1;
/// A binary message, or its first fragment.
pub const BINARY: u8 = 2;
/// Close.
pub const CLOSE: u8 = 8;
/// Ping.
pub const PING: u8 = 9;
/// Pong.
pub const PONG: u8 = 10;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether it ends its message.
    pub fin: bool,
    /// The reserved bits, as the number that they make: 4 is RSV1.
    pub reserved: u8,
    /// What it is.
    pub opcode: u8,
    /// What it is masked with.
    pub mask: Option<[u8; 4]>,
    /// What it carries, not masked.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A whole message, masked, as clients send it.
    pub fn new(opcode: u8, payload: impl AsRef<[u8]>) -> Self {
        let payload = payload.as_ref().to_vec();
        Self { fin: true, reserved: 0, opcode, mask: Some([0x37, 0xfa, 0x21, 0x3d]), payload }
    }

    /// More follows.
    #[must_use]
    pub fn more(self) -> Self {
        Self { fin: false, ..self }
    }

    /// With these reserved bits.
    #[must_use]
    pub fn reserved(self, reserved: u8) -> Self {
        Self { reserved, ..self }
    }

    /// As servers send it.
    #[must_use]
    pub fn unmasked(self) -> Self {
        Self { mask: None, ..self }
    }

    /// The bytes of its header, for a payload of this length.
    pub fn header(&self, len: u64) -> Vec<u8> {
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![u8::from(self.fin) << 7 | self.reserved << 4 | self.opcode];
        match (u8::try_from(len), u16::try_from(len)) {
            (Ok(len @ ..126), _) => bytes.push(masked | len),
            (_, Ok(len)) => {
                bytes.push(masked | 126);
                bytes.extend(len.to_be_bytes());
            }
            _ => {
                bytes.push(masked | 127);
                bytes.extend(len.to_be_bytes());
            }
        }
        bytes.extend(self.mask.iter().flatten());
        bytes
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.header(self.payload.len() as u64);
        let mask = self.mask.unwrap_or_default();
        bytes.extend(self.payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    /// A server's frame at the front of these bytes, and its length there.
    /// None: it is not there to its end.
    ///
    /// # Panics
    /// If it is masked, which a server's must not be.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let &[first, second, ref rest @ ..] = bytes else { return None };
        assert_eq!(second & 0x80, 0, "the host has sent a masked frame");
        let (len, rest) = match second {
            126 => {
                rest.split_first_chunk().map(|(len, rest)| (u16::from_be_bytes(*len).into(), rest))
            }
            127 => rest.split_first_chunk().map(|(len, rest)| (u64::from_be_bytes(*len), rest)),
            len => Some((len.into(), rest)),
        }?;
        let payload = rest.get(..usize::try_from(len).ok()?)?;
        let frame = Self {
            fin: first & 0x80 != 0,
            reserved: first >> 4 & 7,
            opcode: first & 15,
            mask: None,
            payload: payload.to_vec(),
        };
        Some((frame, bytes.len() - rest.len() + payload.len()))
    }
}

/// The payload of a Close frame.
pub fn close_payload(code: u16, reason: impl AsRef<[u8]>) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_ref()].concat()
}
