//! Frames as a client writes and reads them (RFC 6455, 5.2). Written for being
//! out of the server's way: a payload is handed on piece by piece as it stands
//! in the read buffer, and is never gathered.

use super::socket::Failure;

pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;
const CONTINUATION: u8 = 0x0;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const CONTROL: u8 = 0x8;
const CONTROL_MAX_BYTES: u64 = 125;
/// The longest header that a server sends.
const HEADER_MAX_BYTES: usize = 10;

/// What every frame of a run is masked with. A server can't tell that it is
/// always the same.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Masks bytes that stand at `offset` of their payload.
pub(super) fn mask(bytes: &mut [u8], offset: usize) {
    let key = MASK.iter().cycle().skip(offset % MASK.len());
    for (byte, key) in bytes.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// Writes a whole message, or a control frame, masked.
pub(super) fn put_frame(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(FIN | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ ..=125), _) => out.push(MASKED | len),
        (_, Ok(len)) => {
            out.push(MASKED | 126);
            out.extend(len.to_be_bytes());
        }
        _ => {
            out.push(MASKED | 127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    out.extend(MASK);
    let start = out.len();
    out.extend(payload);
    mask(&mut out[start..], 0);
}

/// Some of what the server sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// The next bytes of a message.
    Data(Data<'a>),
    /// A whole control frame.
    Control { opcode: u8, payload: Vec<u8> },
}

/// The next bytes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Data<'a> {
    /// [`TEXT`] or [`BINARY`].
    pub(super) opcode: u8,
    pub(super) bytes: &'a [u8],
    /// Whether the message ends with them.
    pub(super) last: bool,
}

/// Takes apart what the server sends, wherever the reads cut it.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    header: [u8; HEADER_MAX_BYTES],
    /// How much of the header is there.
    header_len: usize,
    /// The frame whose payload is being read.
    frame: Option<Frame>,
    /// The opcode of the message begun; 0: none is.
    message: u8,
    /// The payload of the control frame begun.
    control: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    fin: bool,
    opcode: u8,
    left_bytes: u64,
}

impl Decoder {
    /// The next piece at the front of `input`, which is moved past it. None:
    /// all was used up.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Piece<'a>>, Failure> {
        let Some(mut frame) = self.frame(input)? else { return Ok(None) };
        if input.is_empty() && frame.left_bytes > 0 {
            return Ok(None);
        }
        let at_hand =
            usize::try_from(frame.left_bytes).map_or(input.len(), |left| left.min(input.len()));
        let (bytes, rest) = input.split_at(at_hand);
        *input = rest;
        frame.left_bytes -= at_hand as u64;
        let ended = frame.left_bytes == 0;
        self.frame = (!ended).then_some(frame);
        if frame.opcode & CONTROL == 0 {
            let (opcode, last) = (self.message, ended && frame.fin);
            if last {
                self.message = CONTINUATION;
            }
            return Ok(Some(Piece::Data(Data { opcode, bytes, last })));
        }
        self.control.extend(bytes);
        let control = |payload| Piece::Control { opcode: frame.opcode, payload };
        Ok(ended.then(|| control(std::mem::take(&mut self.control))))
    }

    /// The frame under way, or the one whose header ends in `input`.
    fn frame(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, Failure> {
        if self.frame.is_some() {
            return Ok(self.frame);
        }
        while self.header_len < self.header_wanted() {
            let Some((&byte, rest)) = input.split_first() else { return Ok(None) };
            self.header[self.header_len] = byte;
            self.header_len += 1;
            *input = rest;
        }
        self.header_len = 0;
        let frame = parse(&self.header)?;
        self.check_order(frame.opcode)?;
        self.frame = Some(frame);
        Ok(self.frame)
    }

    fn header_wanted(&self) -> usize {
        match (self.header_len, self.header[1]) {
            (0 | 1, _) => 2,
            (_, 126) => 4,
            (_, 127) => HEADER_MAX_BYTES,
            _ => 2,
        }
    }

    fn check_order(&mut self, opcode: u8) -> Result<(), Failure> {
        match (opcode, self.message) {
            (CONTINUATION, CONTINUATION) => {
                Err(Failure::Protocol("a continuation without a message"))
            }
            (TEXT | BINARY, CONTINUATION) => {
                self.message = opcode;
                Ok(())
            }
            (TEXT | BINARY, _) => Err(Failure::Protocol("a message within another")),
            _ => Ok(()),
        }
    }
}

fn parse(header: &[u8; HEADER_MAX_BYTES]) -> Result<Frame, Failure> {
    let &[first, second, a, b, rest @ ..] = header;
    let left_bytes = match second {
        126 => u64::from(u16::from_be_bytes([a, b])),
        127 => {
            let [c, d, e, f, g, h] = rest;
            u64::from_be_bytes([a, b, c, d, e, f, g, h])
        }
        len => u64::from(len),
    };
    let opcode = first & OPCODE;
    if second & MASKED != 0 {
        return Err(Failure::Protocol("a masked frame"));
    }
    if first & RESERVED != 0 {
        return Err(Failure::Protocol("a reserved bit, though no extension was asked for"));
    }
    match opcode {
        CONTINUATION | TEXT | BINARY => {}
        CLOSE | PING | PONG if first & FIN != 0 && left_bytes <= CONTROL_MAX_BYTES => {}
        CLOSE | PING | PONG => {
            return Err(Failure::Protocol("a control frame that is too long or in pieces"));
        }
        _ => return Err(Failure::Protocol("a reserved opcode")),
    }
    Ok(Frame { fin: first & FIN != 0, opcode, left_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All pieces, those of one message put together.
    fn decode(bytes: &[u8], cut: usize) -> Result<Vec<(u8, Vec<u8>)>, Failure> {
        let mut decoder = Decoder::default();
        let (mut decoded, mut message) = (Vec::new(), Vec::new());
        for mut input in [&bytes[..cut], &bytes[cut..]] {
            while let Some(piece) = decoder.next(&mut input)? {
                match piece {
                    Piece::Control { opcode, payload } => decoded.push((opcode, payload)),
                    Piece::Data(data) => {
                        message.extend(data.bytes);
                        if data.last {
                            decoded.push((data.opcode, std::mem::take(&mut message)));
                        }
                    }
                }
            }
        }
        Ok(decoded)
    }

    #[test]
    fn any_cut_gives_the_same() {
        let mut bytes = vec![0x01, 2, b'H', b'e', 0x89, 1, b'p', 0x80, 3, b'l', b'l', b'o'];
        bytes.extend([0x82, 126, 0, 200]);
        bytes.extend([7; 200]);
        bytes.extend([0x82, 0, 0x88, 0]);
        for cut in 0..=bytes.len() {
            let expected = [
                (PING, b"p".to_vec()),
                (TEXT, b"Hello".to_vec()),
                (BINARY, vec![7; 200]),
                (BINARY, vec![]),
                (CLOSE, vec![]),
            ];
            assert_eq!(decode(&bytes, cut).unwrap(), expected);
        }
    }

    #[test]
    fn refuses_what_a_server_must_not_send() {
        for bytes in [
            &[0x82, 0x80][..],
            &[0xc2, 0],
            &[0x83, 0],
            &[0x09, 0],
            &[0x89, 126, 0, 126],
            &[0x80, 0],
            &[0x01, 0, 0x01, 0],
        ] {
            assert!(matches!(decode(bytes, 0), Err(Failure::Protocol(_))), "{bytes:?}");
        }
    }

    #[test]
    fn writes_what_the_rfc_shows() {
        let mut out = Vec::new();
        put_frame(TEXT, b"Hello", &mut out);
        assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        for (len, header) in
            [(126, &[0x82, 0xfe, 0, 126][..]), (65536, &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0])]
        {
            let mut out = Vec::new();
            put_frame(BINARY, &vec![0; len], &mut out);
            assert!(out.starts_with(header));
        }
    }
}
