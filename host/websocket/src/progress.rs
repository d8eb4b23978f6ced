//! The way from bytes to messages, and what is kept when bytes run out.

use bytes::{Buf, BytesMut};

use super::{
    DecodeError, Message, ProtocolError, Utf8Place,
    body::Body,
    content::PayloadSpace,
    header::{DataKind, ReservedBits},
    mask::Mask,
    partial::{Partial, Rules, message_len},
    start::{DataFrame, Start, Taken},
    utf8,
};

/// What has been begun. Between messages that is nothing, and takes no memory.
#[derive(Debug, Default)]
pub(super) struct Progress(Option<Box<Begun>>);

#[derive(Debug, Default)]
struct Begun {
    /// The first bytes of a frame of which no more is here: a piece of its
    /// header or, if it is a control frame, of the whole.
    start: BytesMut,
    /// The data message of which a part is here.
    message: Option<Partial>,
}

impl Begun {
    fn is_nothing(&self) -> bool {
        self.start.is_empty() && self.message.is_none()
    }
}

impl Progress {
    /// The next message; none: `input` is used up, or has had its turn.
    pub(super) fn next_message(
        &mut self,
        input: &mut BytesMut,
        rules: &mut Rules<'_>,
    ) -> Result<Option<Message>, DecodeError> {
        let message = self.decode(input, rules)?;
        if self.0.as_ref().is_some_and(|begun| begun.is_nothing()) {
            self.0 = None;
        }
        Ok(message)
    }

    /// Whether nothing has been begun.
    pub(super) fn is_nothing(&self) -> bool {
        self.0.is_none()
    }

    /// How long the message begun is known to be.
    pub(super) fn message_end(&self) -> usize {
        self.partial().map_or(0, Partial::end)
    }

    /// Room for the payload at hand, where much of it is missing.
    pub(super) fn payload_space(&mut self, size_max: usize) -> Option<PayloadSpace<'_>> {
        self.partial_mut()?.space(size_max)
    }

    /// How many bytes of payload are reserved.
    #[cfg(test)]
    pub(super) fn reserved_bytes(&self) -> usize {
        self.partial().map_or(0, Partial::reserved_bytes)
    }

    fn decode(
        &mut self,
        input: &mut BytesMut,
        rules: &mut Rules<'_>,
    ) -> Result<Option<Message>, DecodeError> {
        loop {
            if let Some(partial) = self.partial_mut() {
                partial.fill(input, rules)?;
                if partial.is_whole() {
                    return self.take_partial().map(|whole| whole.finish(rules)).transpose();
                }
                if !partial.is_frame_whole() {
                    return Ok(None);
                }
            }
            let Some(start) = self.next_start(input, rules.reserved_bits())? else {
                return Ok(None);
            };
            *rules.frames += 1;
            match start {
                Start::Control(message) => return Ok(Some(message)),
                Start::Data(frame) => {
                    if let Some(message) = self.begin_frame(&frame, input, rules)? {
                        return Ok(Some(message));
                    }
                }
            }
        }
    }

    /// Takes the start of the next frame; none: it has not all come.
    fn next_start(
        &mut self,
        input: &mut BytesMut,
        allowed: ReservedBits,
    ) -> Result<Option<Start>, DecodeError> {
        loop {
            let from = match &mut self.0 {
                Some(begun) if !begun.start.is_empty() => &mut begun.start,
                _ => &mut *input,
            };
            match Start::take(from, allowed)? {
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
        frame: &DataFrame,
        input: &mut BytesMut,
        rules: &mut Rules<'_>,
    ) -> Result<Option<Message>, DecodeError> {
        match (frame.begins, self.partial_mut()) {
            (None, None) => Err(ProtocolError::ContinuationOfNothing.into()),
            (Some(_), Some(_)) => Err(ProtocolError::MessageInsideMessage.into()),
            (None, Some(partial)) => partial.go_on(frame, rules.size_max).map(|()| None),
            (Some(kind), None) => self.begin_message(kind, frame, input, rules),
        }
    }

    fn begin_message(
        &mut self,
        kind: DataKind,
        frame: &DataFrame,
        input: &mut BytesMut,
        rules: &mut Rules<'_>,
    ) -> Result<Option<Message>, DecodeError> {
        let partial = if frame.compressed {
            // The header's parser has refused it where nothing was agreed on.
            let inflate = rules.inflate.as_ref().ok_or(ProtocolError::ReservedBits)?;
            let mut message = inflate.begin(kind, frame);
            message.fill(input, rules.size_max, &mut rules.inflated_max)?;
            Partial::Compressed(message)
        } else {
            let len = message_len(0, frame.len_bytes, rules.size_max)?;
            if frame.fin && len <= input.len() {
                return whole_message(kind, input.split_to(len), frame.mask).map(Some);
            }
            Partial::Plain(Body::begin(kind, frame.fin, len, frame.mask))
        };
        if partial.is_whole() {
            return partial.finish(rules).map(Some);
        }
        self.begun_mut().message = Some(partial);
        Ok(None)
    }

    fn begun_mut(&mut self) -> &mut Begun {
        self.0.get_or_insert_default()
    }

    fn partial(&self) -> Option<&Partial> {
        self.0.as_ref()?.message.as_ref()
    }

    fn partial_mut(&mut self) -> Option<&mut Partial> {
        self.0.as_mut()?.message.as_mut()
    }

    fn take_partial(&mut self) -> Option<Partial> {
        self.0.as_mut()?.message.take()
    }
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
