//! A compressed message that arrives bit by bit.

use bytes::{Buf, BytesMut};

use super::{
    super::{
        DecodeError, Message, ProtocolError, content::Content, header::DataKind, mask::Mask,
        start::DataFrame,
    },
    Agreed, TAIL,
    inflater::{After, Inflater},
    window::Window,
};

/// What one client's compressed messages have in common.
#[derive(Debug)]
pub(in super::super) struct Inflate {
    /// Where the client takes its context over.
    window: Option<Window>,
}

impl Inflate {
    /// At the beginning of a connection.
    pub(in super::super) fn new(agreed: &Agreed) -> Self {
        let window = agreed.client_takeover.then(|| Window::new(agreed.client_window_bits));
        Self { window }
    }

    /// Begins a message with its first frame.
    pub(in super::super) fn begin(&self, kind: DataKind, frame: &DataFrame) -> Inflating {
        let mut inflater = Inflater::take();
        if let Some(window) = &self.window {
            let (old, new) = window.as_slices();
            inflater.remember(old);
            inflater.remember(new);
        }
        Inflating {
            content: Content::new(kind),
            inflater,
            refers_from: None,
            has_input: false,
            missing_bytes: frame.len_bytes,
            mask: frame.mask,
            fin: frame.fin,
        }
    }

    /// The message, once it is whole.
    pub(in super::super) fn finish(
        &mut self,
        mut message: Inflating,
        size_max: usize,
    ) -> Result<Message, DecodeError> {
        message.end(size_max)?;
        let Inflating { content, inflater, refers_from, .. } = message;
        inflater.give();
        if let Some(window) = &mut self.window {
            if refers_from.is_some() {
                window.clear();
            }
            window.push(&content.as_bytes()[refers_from.unwrap_or(0)..]);
        }
        content.into_message()
    }
}

/// A compressed message of which a part is here, inflated, and the frame that
/// it is in.
///
/// The compressed bytes aren't kept, so there is no limit on them but the one on
/// what they inflate to.
#[derive(Debug)]
pub(in super::super) struct Inflating {
    content: Content,
    inflater: Inflater,
    /// Where the content begins that what follows may refer to, if a last block
    /// has ended since the message began: nothing refers to what is before one.
    refers_from: Option<usize>,
    /// Whether there was any input.
    has_input: bool,
    /// How many bytes the frame at hand lacks.
    missing_bytes: u64,
    /// The frame's mask, turned to the first of them.
    mask: Mask,
    /// Whether the frame is the message's last one.
    fin: bool,
}

impl Inflating {
    /// Goes on with the message's next frame. The one before must be whole.
    pub(in super::super) fn go_on(&mut self, frame: &DataFrame) {
        debug_assert_eq!(self.missing_bytes, 0);
        self.fin = frame.fin;
        self.missing_bytes = frame.len_bytes;
        self.mask = frame.mask;
    }

    /// How long the message is by now.
    pub(in super::super) fn len(&self) -> usize {
        self.content.len()
    }

    /// Whether the frame at hand is whole.
    pub(in super::super) fn is_frame_whole(&self) -> bool {
        self.missing_bytes == 0
    }

    /// Whether the message is whole.
    pub(in super::super) fn is_whole(&self) -> bool {
        self.fin && self.is_frame_whole()
    }

    /// Takes what the frame lacks from the front of `input`, and unmasks and
    /// inflates it, until `inflated_max` bytes have come out, of which they are
    /// taken. Fails as soon as the content is longer than `size_max`, or can't be
    /// right.
    pub(in super::super) fn fill(
        &mut self,
        input: &mut BytesMut,
        size_max: usize,
        inflated_max: &mut usize,
    ) -> Result<(), DecodeError> {
        let len =
            usize::try_from(self.missing_bytes).map_or(input.len(), |len| len.min(input.len()));
        let payload = &mut input[..len];
        let mut mask = self.mask;
        self.mask.apply(payload);
        let read = self.inflate(payload, size_max, inflated_max)?;
        if read < len {
            // What waits for its turn waits as it came.
            mask.skip(read);
            self.mask = mask;
            mask.apply(&mut payload[read..]);
        }
        input.advance(read);
        self.missing_bytes -= read as u64;
        self.has_input |= read > 0;
        Ok(())
    }

    /// Inflates the end that every message has and none carries, and checks that
    /// it is one.
    ///
    /// A message of no bytes is taken for an empty one: zlib makes nothing of
    /// nothing when it has just been flushed, and some forget to send a zero
    /// instead (7.2.3.6).
    fn end(&mut self, size_max: usize) -> Result<(), DecodeError> {
        if !self.has_input {
            return Ok(());
        }
        // What an inflater holds back is little.
        self.inflate(&TAIL, size_max, &mut { usize::MAX })?;
        if !self.inflater.is_between_blocks() {
            return Err(ProtocolError::Deflate.into());
        }
        Ok(())
    }

    /// Returns how many bytes of the data were read.
    fn inflate(
        &mut self,
        data: &[u8],
        size_max: usize,
        inflated_max: &mut usize,
    ) -> Result<usize, DecodeError> {
        let mut rest = data;
        while *inflated_max > 0 || rest.is_empty() {
            let room = size_max.saturating_sub(self.content.len());
            // One byte more than there is room for tells that there is more.
            let step = self.inflater.step(rest, room.saturating_add(1));
            rest = &rest[step.read..];
            let fitting = &step.output[..step.output.len().min(room)];
            self.content.reserve(fitting.len(), 0, size_max);
            self.content.append(fitting);
            self.content.check()?;
            if step.output.len() > room {
                return Err(DecodeError::TooBig { limit_bytes: size_max });
            }
            *inflated_max = inflated_max.saturating_sub(fitting.len());
            match step.after {
                After::More => {}
                After::NeedsInput => break,
                After::LastBlock => {
                    self.inflater.restart();
                    self.refers_from = Some(self.content.len());
                }
                After::Bad => return Err(ProtocolError::Deflate.into()),
            }
        }
        Ok(data.len() - rest.len())
    }

    /// How many bytes are reserved for the content.
    #[cfg(test)]
    pub(in super::super) fn reserved_bytes(&self) -> usize {
        self.content.reserved_bytes()
    }
}
