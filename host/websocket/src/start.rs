//! The start of a frame: a data frame's header, or a control frame whole.

use bytes::{Buf, BytesMut};

use super::{
    CloseFrame, ControlPayload, DecodeError, Message, ProtocolError,
    header::{ControlKind, DataKind, Header, Opcode, Parsed, ReservedBits},
    mask::Mask,
};

/// The start of a frame, taken from the front of the input.
#[derive(Debug)]
pub(super) enum Start {
    /// A control frame with its payload.
    Control(Message),
    /// A data frame's header; its payload comes next.
    Data(DataFrame),
}

/// What the bytes at hand give.
#[derive(Debug)]
pub(super) enum Taken {
    /// The start of a frame.
    Whole(Start),
    /// Not enough for one: nothing is taken, and so many bytes, counted from
    /// the front, are needed to know more. At most a header and 125.
    Partial { needed_bytes: usize },
}

/// What the header of a data frame says.
#[derive(Clone, Copy, Debug)]
pub(super) struct DataFrame {
    /// The message that begins; none: more of the one begun.
    pub(super) begins: Option<DataKind>,
    /// Whether the message is compressed; said by its first frame alone.
    pub(super) compressed: bool,
    /// Whether it is the message's last frame.
    pub(super) fin: bool,
    pub(super) len_bytes: u64,
    pub(super) mask: Mask,
}

impl Start {
    /// Takes the start of a frame from the front of `input`.
    pub(super) fn take(input: &mut BytesMut, allowed: ReservedBits) -> Result<Taken, DecodeError> {
        let (header, header_len) = match Header::parse(input, allowed)? {
            Parsed::Whole(header, len) => (header, len),
            Parsed::Partial { needed_bytes } => return Ok(Taken::Partial { needed_bytes }),
        };
        let begins = match header.opcode {
            Opcode::Control(kind) => return take_control(kind, &header, header_len, input),
            Opcode::Data(kind) => Some(kind),
            Opcode::Continuation => None,
        };
        input.advance(header_len);
        let Header { fin, reserved, payload_len_bytes: len_bytes, mask, .. } = header;
        let compressed = reserved == ReservedBits::COMPRESSED;
        Ok(Taken::Whole(Self::Data(DataFrame { begins, compressed, fin, len_bytes, mask })))
    }
}

fn take_control(
    kind: ControlKind,
    header: &Header,
    header_len: usize,
    input: &mut BytesMut,
) -> Result<Taken, DecodeError> {
    // The header's parser has refused a control frame of more than 125 bytes.
    let payload_len =
        usize::try_from(header.payload_len_bytes).map_err(|_| ProtocolError::ControlTooLong)?;
    let needed_bytes = header_len + payload_len;
    if input.len() < needed_bytes {
        return Ok(Taken::Partial { needed_bytes });
    }
    input.advance(header_len);
    let mut payload = input.split_to(payload_len);
    let mut mask = header.mask;
    mask.apply(&mut payload);
    let payload = ControlPayload::new(payload).map_err(|_| ProtocolError::ControlTooLong)?;
    Ok(Taken::Whole(Start::Control(match kind {
        ControlKind::Close => Message::Close(CloseFrame::decode(&payload)?),
        ControlKind::Ping => Message::Ping(payload),
        ControlKind::Pong => Message::Pong(payload),
    })))
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{ClientFrame, PING, TEXT},
        *,
    };

    fn take(input: &mut BytesMut) -> Taken {
        Start::take(input, ReservedBits::NONE).unwrap()
    }

    #[test]
    fn a_control_frame_is_taken_whole_or_not_at_all() {
        let frame = ClientFrame::new(PING, b"Hello").encode();
        for cut in 6..frame.len() {
            let mut input = BytesMut::from(&frame[..cut]);
            assert!(matches!(take(&mut input), Taken::Partial { needed_bytes: 11 }));
            assert_eq!(input.len(), cut);
        }
        let mut input = BytesMut::from(&frame[..]);
        let Taken::Whole(Start::Control(Message::Ping(payload))) = take(&mut input) else {
            panic!()
        };
        assert_eq!(&payload[..], b"Hello");
        assert!(input.is_empty());
    }

    #[test]
    fn of_a_data_frame_the_header_is_taken() {
        let mut input = BytesMut::from(&ClientFrame::new(TEXT, b"Hello").more().encode()[..]);
        let Taken::Whole(Start::Data(frame)) = take(&mut input) else { panic!() };
        assert_eq!(frame.begins, Some(DataKind::Text));
        assert!(!frame.fin);
        assert_eq!(frame.len_bytes, 5);
        assert_eq!(input.len(), 5);
    }
}
