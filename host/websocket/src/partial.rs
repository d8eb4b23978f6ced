//! A message that has begun, compressed or not.

use bytes::BytesMut;

use super::{
    DecodeError, Message, ProtocolError,
    body::Body,
    content::PayloadSpace,
    deflate::{Inflate, Inflating},
    header::ReservedBits,
    start::DataFrame,
};

/// What the connection allows.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    /// A message has at most so many bytes.
    pub(super) size_max: usize,
    /// How messages are inflated, where compression was agreed on.
    pub(super) inflate: Option<&'a mut Inflate>,
    /// What may still be inflated in this turn.
    pub(super) inflated_max: usize,
    /// Counts the frames begun.
    pub(super) frames: &'a mut u64,
}

impl Rules<'_> {
    /// The reserved bits that have a meaning.
    pub(super) fn reserved_bits(&self) -> ReservedBits {
        match self.inflate {
            Some(_) => ReservedBits::COMPRESSED,
            None => ReservedBits::NONE,
        }
    }
}

/// A data message of which a part is here.
#[derive(Debug)]
pub(super) enum Partial {
    Plain(Body),
    Compressed(Inflating),
}

impl Partial {
    /// Goes on with the message's next frame.
    pub(super) fn go_on(&mut self, frame: &DataFrame, size_max: usize) -> Result<(), DecodeError> {
        match self {
            Self::Plain(body) => {
                let end = message_len(body.end(), frame.len_bytes, size_max)?;
                body.go_on(frame.fin, end, frame.mask);
            }
            Self::Compressed(message) => message.go_on(frame),
        }
        Ok(())
    }

    /// Takes what the frame at hand lacks, of a compressed one as much as may be
    /// inflated in this turn.
    pub(super) fn fill(
        &mut self,
        input: &mut BytesMut,
        rules: &mut Rules<'_>,
    ) -> Result<(), DecodeError> {
        match self {
            Self::Plain(body) => body.fill(input, rules.size_max),
            Self::Compressed(message) => {
                message.fill(input, rules.size_max, &mut rules.inflated_max)
            }
        }
    }

    /// Whether the frame at hand is whole.
    pub(super) fn is_frame_whole(&self) -> bool {
        match self {
            Self::Plain(body) => body.missing() == 0,
            Self::Compressed(message) => message.is_frame_whole(),
        }
    }

    /// Whether the message is whole.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Plain(body) => body.is_whole(),
            Self::Compressed(message) => message.is_whole(),
        }
    }

    /// The message, once it is whole.
    pub(super) fn finish(self, rules: &mut Rules<'_>) -> Result<Message, DecodeError> {
        match self {
            Self::Plain(body) => body.into_message(),
            Self::Compressed(message) => match &mut rules.inflate {
                Some(inflate) => inflate.finish(message, rules.size_max),
                None => Err(ProtocolError::ReservedBits.into()),
            },
        }
    }

    /// How long the message is known to be.
    pub(super) fn end(&self) -> usize {
        match self {
            Self::Plain(body) => body.end(),
            Self::Compressed(message) => message.len(),
        }
    }

    /// Room for the payload at hand, where much of it is missing. Compressed
    /// ones aren't kept, so there is none for them.
    pub(super) fn space(&mut self, size_max: usize) -> Option<PayloadSpace<'_>> {
        match self {
            Self::Plain(body) => body.space(size_max),
            Self::Compressed(_) => None,
        }
    }

    /// How many bytes of payload are reserved.
    #[cfg(test)]
    pub(super) fn reserved_bytes(&self) -> usize {
        match self {
            Self::Plain(body) => body.reserved_bytes(),
            Self::Compressed(message) => message.reserved_bytes(),
        }
    }
}

/// The length of a message of which `joined` bytes are there when a frame of
/// `frame_len` bytes is added.
pub(super) fn message_len(
    joined: usize,
    frame_len: u64,
    size_max: usize,
) -> Result<usize, DecodeError> {
    usize::try_from(frame_len)
        .ok()
        .and_then(|frame_len| joined.checked_add(frame_len))
        .filter(|&len| len <= size_max)
        .ok_or(DecodeError::TooBig { limit_bytes: size_max })
}
