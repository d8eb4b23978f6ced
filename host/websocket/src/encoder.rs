//! Messages to frames, as a server sends them: unmasked and unfragmented.

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Agreed, Message, SendQueue, SharedFrame,
    deflate::{Compressor, Setting},
    header::{ControlKind, DataKind, Opcode, ReservedBits, SENT_LEN_MAX_BYTES, put_header},
};

/// Encodes what one connection sends, and compresses it where that was agreed on.
///
/// One word where it was not. Where it was, 32 bytes more, and where context
/// takeover was too, a compressor (370 KiB by default, 130 to 480 by window and
/// memory level) from the first compressed message to the next [`Self::reset`].
///
/// ```
/// use bytes::Buf;
/// use wshost_websocket::{Agreed, DeflateOptions, Encoder, Message, SendQueue};
///
/// let mut options = DeflateOptions::default();
/// options.set_threshold_bytes(0);
/// // The client offers `permessage-deflate`, without parameters.
/// let agreed = Agreed::to_offer([], &options).unwrap();
/// let mut queue = SendQueue::default();
/// Encoder::new(Some(&agreed)).push(&Message::Text("HelloHelloHelloHello".into()), &mut queue);
/// assert!(queue.len_bytes() < 20);
/// ```
#[derive(Debug)]
pub struct Encoder(Option<Box<Deflate>>);

#[derive(Debug)]
struct Deflate {
    setting: Setting,
    threshold_bytes: usize,
    /// Whether the handler wants it now.
    enabled: bool,
    context: Context,
}

/// What a message is compressed on.
#[derive(Debug)]
enum Context {
    /// Always a fresh compressor, lent by the thread.
    None,
    /// The same one each time, once there is one.
    TakenOver(Option<Box<Compressor>>),
}

impl Encoder {
    /// Whether compression was agreed on.
    #[must_use]
    pub fn is_agreed(&self) -> bool {
        self.0.is_some()
    }

    /// For the beginning of a connection.
    #[must_use]
    pub fn new(agreed: Option<&Agreed>) -> Self {
        Self(agreed.map(|agreed| {
            let context =
                if agreed.server_takeover { Context::TakenOver(None) } else { Context::None };
            let Agreed { setting, threshold_bytes, .. } = *agreed;
            Box::new(Deflate { setting, threshold_bytes, enabled: true, context })
        }))
    }

    /// Compresses the messages that follow (true, where it was agreed on), or
    /// sends them as they are.
    pub fn set_compressing(&mut self, enabled: bool) {
        if let Some(deflate) = &mut self.0 {
            deflate.enabled = enabled;
        }
        if !enabled {
            self.reset();
        }
    }

    /// Forgets the messages before, and gives back the memory. The next message
    /// is compressed by itself, which any peer understands. To be called when
    /// the connection is to be small, or won't send for long.
    pub fn reset(&mut self) {
        if let Some(deflate) = &mut self.0 {
            deflate.reset();
        }
    }

    /// Puts a message behind what waits: compressed if that is agreed on and
    /// wanted, and the message a text or binary one that is long enough.
    ///
    /// Without context takeover one that doesn't get smaller goes as it is.
    pub fn push(&mut self, message: &Message, queue: &mut SendQueue) {
        match self.0.as_mut().and_then(|deflate| deflate.compress(message)) {
            Some((kind, payload)) => {
                queue.push_frame(Opcode::Data(kind), ReservedBits::COMPRESSED, &payload);
            }
            None => queue.push(message),
        }
    }

    /// Puts a message that is for many behind what waits: compressed once for
    /// all, under the same conditions.
    ///
    /// Where it goes out compressed, the messages before are forgotten
    /// ([`Self::reset`]): the peer's window holds this one now, ours doesn't.
    pub fn push_shared(&mut self, frame: &SharedFrame, queue: &mut SendQueue) {
        match self.0.as_mut().and_then(|deflate| deflate.compress_shared(frame)) {
            Some(encoded) => queue.push_encoded(&encoded),
            None => queue.push(frame.message()),
        }
    }
}

impl Deflate {
    fn compress(&mut self, message: &Message) -> Option<(DataKind, Bytes)> {
        let (kind, payload) = self.wanted(message)?;
        let compressed = match &mut self.context {
            Context::None => compress_alone(payload, self.setting)?,
            Context::TakenOver(compressor) => {
                let mut taken =
                    compressor.take().unwrap_or_else(|| Box::new(Compressor::take(self.setting)));
                let compressed = taken.compress(payload).ok()?;
                *compressor = Some(taken);
                compressed.into()
            }
        };
        Some((kind, compressed))
    }

    fn compress_shared(&mut self, frame: &SharedFrame) -> Option<Bytes> {
        self.wanted(frame.message())?;
        let encoded = frame.compressed(self.setting)?;
        self.reset();
        Some(encoded)
    }

    /// The message's payload, if it is one to compress.
    fn wanted<'a>(&self, message: &'a Message) -> Option<(DataKind, &'a Bytes)> {
        data_parts(message).filter(|(_, payload)| {
            self.enabled && !payload.is_empty() && payload.len() >= self.threshold_bytes
        })
    }

    fn reset(&mut self) {
        if let Context::TakenOver(compressor) = &mut self.context
            && let Some(compressor) = compressor.take()
        {
            compressor.give();
        }
    }
}

/// Compresses a payload that isn't empty, by itself. None: it doesn't get
/// smaller.
pub(super) fn compress_alone(payload: &[u8], setting: Setting) -> Option<Bytes> {
    let mut compressor = Compressor::take(setting);
    let compressed = compressor.compress(payload).ok()?;
    compressor.give();
    (compressed.len() < payload.len()).then(|| compressed.into())
}

/// Encodes a frame once, to be queued on many connections by
/// [`SendQueue::push_encoded`]. For connections that compress take a
/// [`SharedFrame`].
#[must_use]
pub fn encode_frame(message: &Message) -> Bytes {
    let (opcode, payload) = frame_parts(message);
    encode(opcode, ReservedBits::NONE, &payload)
}

/// One frame.
pub(super) fn encode(opcode: Opcode, reserved: ReservedBits, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(SENT_LEN_MAX_BYTES + payload.len());
    put_header(opcode, reserved, payload.len(), &mut frame);
    frame.put_slice(payload);
    frame.freeze()
}

/// The kind and the payload of a message that isn't a control frame.
pub(super) fn data_parts(message: &Message) -> Option<(DataKind, &Bytes)> {
    match message {
        Message::Text(text) => Some((DataKind::Text, text.as_ref())),
        Message::Binary(bytes) => Some((DataKind::Binary, bytes)),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => None,
    }
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
