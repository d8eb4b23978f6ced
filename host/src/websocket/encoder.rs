//! Messages to frames, as a server sends them: unmasked and unfragmented.

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Message,
    header::{ControlKind, DataKind, Opcode, SENT_LEN_MAX_BYTES, put_header},
};

/// Encodes a frame once, to be queued on many connections by
/// [`SendQueue::push_encoded`](super::SendQueue::push_encoded).
#[must_use]
pub fn encode_frame(message: &Message) -> Bytes {
    let (opcode, payload) = frame_parts(message);
    let mut frame = BytesMut::with_capacity(SENT_LEN_MAX_BYTES + payload.len());
    put_header(opcode, payload.len(), &mut frame);
    frame.put_slice(&payload);
    frame.freeze()
}

/// The opcode and the payload of the frame that carries a message.
pub(super) fn frame_parts(message: &Message) -> (Opcode, Cow<'_, Bytes>) {
    use Opcode::{Control, Data};
    match message {
        Message::Text(text) => (Data(DataKind::Text), Cow::Borrowed(text.as_ref())),
        Message::Binary(bytes) => (Data(DataKind::Binary), Cow::Borrowed(bytes)),
        Message::Ping(payload) => (Control(ControlKind::Ping), Cow::Borrowed(payload.as_bytes())),
        Message::Pong(payload) => (Control(ControlKind::Pong), Cow::Borrowed(payload.as_bytes())),
        Message::Close(None) => (Control(ControlKind::Close), Cow::Owned(Bytes::new())),
        Message::Close(Some(frame)) => (Control(ControlKind::Close), Cow::Owned(frame.encode())),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{CloseFrame, testing::payload},
        *,
    };

    #[test]
    fn rfc_examples() {
        // Section 5.7, those that a server sends.
        let hello = encode_frame(&Message::Text("Hello".into()));
        assert_eq!(&hello[..], b"\x81\x05Hello");
        let ping = encode_frame(&Message::Ping(payload(b"Hello")));
        assert_eq!(&ping[..], b"\x89\x05Hello");
        let binary = encode_frame(&Message::Binary(vec![0; 256].into()));
        assert_eq!(binary[..4], [0x82, 0x7e, 0x01, 0x00]);
        let long = encode_frame(&Message::Binary(vec![0; 65536].into()));
        assert_eq!(long[..10], [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(long.len(), 10 + 65536);
    }

    #[test]
    fn close_frames() {
        assert_eq!(&encode_frame(&Message::Close(None))[..], b"\x88\x00");
        let bye = Message::Close(Some(CloseFrame::new(1000, "bye").unwrap()));
        assert_eq!(&encode_frame(&bye)[..], b"\x88\x05\x03\xe8bye");
    }
}
