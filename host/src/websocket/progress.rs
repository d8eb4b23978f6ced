//! The way from bytes to messages, and what is kept when bytes run out.

use bytes::{Buf, BytesMut};

use super::{
    DecodeError, Message, ProtocolError, Utf8Place,
    body::{Body, PayloadSpace},
    header::{DataKind, ReservedBits},
    mask::Mask,
    start::{DataFrame, Start, Taken},
    utf8,
};

/// No extension is agreed on, so no reserved bit has a meaning.
const RESERVED_BITS_ALLOWED: ReservedBits = ReservedBits::NONE;

/// What has been begun. Between messages that is nothing, and takes no memory.
#[derive(Debug, Default)]
pub(super) struct Progress(Option<Box<Begun>>);

#[derive(Debug, Default)]
struct Begun {
    /// The first bytes of a frame of which no more is here: a piece of its
    /// header or, if it is a control frame, of the whole.
    start: BytesMut,
    /// The data message of which a part is here.
    body: Option<Body>,
}

impl Begun {
    fn is_nothing(&self) -> bool {
        self.start.is_empty() && self.body.is_none()
    }
}

impl Progress {
    /// The next message; none: `input` is used up.
    pub(super) fn next_message(
        &mut self,
        input: &mut BytesMut,
        size_max: usize,
    ) -> Result<Option<Message>, DecodeError> {
        let message = self.decode(input, size_max)?;
        if self.0.as_ref().is_some_and(|begun| begun.is_nothing()) {
            self.0 = None;
        }
        Ok(message)
    }

    /// Whether nothing has been begun.
    pub(super) fn is_nothing(&self) -> bool {
        self.0.is_none()
    }

    /// How long the message begun is when its frame at hand is whole.
    pub(super) fn message_end(&self) -> usize {
        self.body().map_or(0, Body::end)
    }

    /// Room for the payload at hand, where much of it is missing.
    pub(super) fn payload_space(&mut self, size_max: usize) -> Option<PayloadSpace<'_>> {
        self.body_mut()?.space(size_max)
    }

    /// How many bytes of payload are reserved.
    #[cfg(test)]
    pub(super) fn reserved_bytes(&self) -> usize {
        self.body().map_or(0, Body::reserved_bytes)
    }

    fn decode(
        &mut self,
        input: &mut BytesMut,
        size_max: usize,
    ) -> Result<Option<Message>, DecodeError> {
        loop {
            if let Some(body) = self.body_mut() {
                body.fill(input, size_max)?;
                if body.is_whole() {
                    return self.take_body().map(Body::into_message).transpose();
                }
                if body.missing() > 0 {
                    return Ok(None);
                }
            }
            match self.next_start(input)? {
                None => return Ok(None),
                Some(Start::Control(message)) => return Ok(Some(message)),
                Some(Start::Data(frame)) => {
                    if let Some(message) = self.begin_frame(frame, input, size_max)? {
                        return Ok(Some(message));
                    }
                }
            }
        }
    }

    /// Takes the start of the next frame; none: it has not all come.
    fn next_start(&mut self, input: &mut BytesMut) -> Result<Option<Start>, DecodeError> {
        loop {
            let from = match &mut self.0 {
                Some(begun) if !begun.start.is_empty() => &mut begun.start,
                _ => &mut *input,
            };
            match Start::take(from, RESERVED_BITS_ALLOWED)? {
                Taken::Whole(start) => return Ok(Some(start)),
                Taken::Partial { needed_bytes } => {
                    if !self.keep_start(needed_bytes, input) {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Moves bytes from `input` behind the start that is kept, until that is
    /// `needed_bytes` long. False: there were not enough.
    fn keep_start(&mut self, needed_bytes: usize, input: &mut BytesMut) -> bool {
        if input.is_empty() {
            return false;
        }
        let start = &mut self.begun_mut().start;
        let len = needed_bytes.saturating_sub(start.len()).min(input.len());
        start.extend_from_slice(&input[..len]);
        input.advance(len);
        start.len() >= needed_bytes
    }

    /// Puts a data frame in its place: a message of its own if it is one and
    /// all here, else the message begun.
    fn begin_frame(
        &mut self,
        frame: DataFrame,
        input: &mut BytesMut,
        size_max: usize,
    ) -> Result<Option<Message>, DecodeError> {
        let DataFrame { begins, fin, len_bytes, mask } = frame;
        match (begins, self.body_mut()) {
            (None, None) => Err(ProtocolError::ContinuationOfNothing.into()),
            (Some(_), Some(_)) => Err(ProtocolError::MessageInsideMessage.into()),
            (None, Some(body)) => {
                body.go_on(fin, message_len(body.end(), len_bytes, size_max)?, mask);
                Ok(None)
            }
            (Some(kind), None) => {
                let len = message_len(0, len_bytes, size_max)?;
                if fin && len <= input.len() {
                    return whole_message(kind, input.split_to(len), mask).map(Some);
                }
                self.begun_mut().body = Some(Body::begin(kind, fin, len, mask));
                Ok(None)
            }
        }
    }

    fn begun_mut(&mut self) -> &mut Begun {
        self.0.get_or_insert_default()
    }

    fn body(&self) -> Option<&Body> {
        self.0.as_ref()?.body.as_ref()
    }

    fn body_mut(&mut self) -> Option<&mut Body> {
        self.0.as_mut()?.body.as_mut()
    }

    fn take_body(&mut self) -> Option<Body> {
        self.0.as_mut()?.body.take()
    }
}

/// The length of a message of which `joined` bytes are there when a frame of
/// `frame_len` bytes is added.
fn message_len(joined: usize, frame_len: u64, size_max: usize) -> Result<usize, DecodeError> {
    usize::try_from(frame_len)
        .ok()
        .and_then(|frame_len| joined.checked_add(frame_len))
        .filter(|&len| len <= size_max)
        .ok_or(DecodeError::TooBig { limit_bytes: size_max })
}

/// An unfragmented message whose payload is all here: nothing is copied.
fn whole_message(
    kind: DataKind,
    mut payload: BytesMut,
    mut mask: Mask,
) -> Result<Message, DecodeError> {
    mask.apply(&mut payload);
    let payload = payload.freeze();
    match kind {
        DataKind::Binary => Ok(Message::Binary(payload)),
        DataKind::Text => match utf8::into_text(payload) {
            Ok(text) => Ok(Message::Text(text)),
            Err(utf8::NotUtf8) => Err(DecodeError::Utf8(Utf8Place::Text)),
        },
    }
}
