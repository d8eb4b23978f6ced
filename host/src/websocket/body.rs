//! The payload of a message that arrives bit by bit.
//!
//! The only `unsafe` of the protocol is here: text that was checked as it came
//! isn't checked again when it is whole, and the room that is lent for reading
//! into can't be used to change what was checked.
#![allow(unsafe_code)]

use bytes::{
    Buf, BufMut, Bytes, BytesMut,
    buf::{Limit, UninitSlice},
};

use super::{DecodeError, Message, Utf8Bytes, Utf8Place, header::DataKind, mask::Mask, utf8};

/// What is reserved at most before a payload's bytes have come. A length that
/// is only claimed costs no more, in address space; pages aren't touched.
const FIRST_RESERVATION_MAX_BYTES: usize = 64 * 1024;

/// With fewer bytes missing, a read into the connection's own buffer does as
/// well, and takes the frames behind this one along.
const DIRECT_READ_MIN_BYTES: usize = 16 * 1024;

/// A data message of which a part is here, and the frame that it is in.
///
/// `bytes` is three runs: text found valid (in a binary message none), bytes
/// unmasked, bytes as they came. Invariant: `valid_len <= unmasked_len <=
/// bytes.len() <= frame_end`, and in a text `bytes[..valid_len]` is UTF-8. It
/// rests on this file alone: the fields are private, and only bytes behind
/// `unmasked_len` are ever changed.
#[derive(Debug)]
pub(super) struct Body {
    kind: DataKind,
    bytes: Vec<u8>,
    valid_len: usize,
    unmasked_len: usize,
    /// The mask of the frame, turned to `unmasked_len`.
    mask: Mask,
    /// How long `bytes` is when the frame is whole.
    frame_end: usize,
    /// Whether the frame is the message's last one.
    fin: bool,
}

impl Body {
    /// Begins a message with its first frame, of `len` bytes.
    pub(super) fn begin(kind: DataKind, fin: bool, len: usize, mask: Mask) -> Self {
        Self { kind, bytes: Vec::new(), valid_len: 0, unmasked_len: 0, mask, frame_end: len, fin }
    }

    /// Goes on with the message's next frame, which ends where the message is
    /// `end` bytes long. The frame before it must be whole.
    pub(super) fn go_on(&mut self, fin: bool, end: usize, mask: Mask) {
        debug_assert!(self.missing() == 0 && self.unmasked_len == self.bytes.len());
        self.fin = fin;
        self.frame_end = end;
        self.mask = mask;
    }

    /// How long the message is when the frame at hand is whole.
    pub(super) fn end(&self) -> usize {
        self.frame_end
    }

    /// How many bytes the frame at hand lacks.
    pub(super) fn missing(&self) -> usize {
        self.frame_end.saturating_sub(self.bytes.len())
    }

    /// Whether the message is whole.
    pub(super) fn is_whole(&self) -> bool {
        self.fin && self.missing() == 0
    }

    /// Takes what the frame lacks from the front of `input`, and unmasks and
    /// checks all that is new, be it from here or from [`Self::space`].
    pub(super) fn fill(
        &mut self,
        input: &mut BytesMut,
        size_max: usize,
    ) -> Result<(), DecodeError> {
        let len = self.missing().min(input.len());
        self.reserve(len, size_max);
        self.bytes.extend_from_slice(&input[..len]);
        input.advance(len);
        self.unmask();
        self.check()
    }

    /// Room for some of what the frame lacks, where that is much.
    pub(super) fn space(&mut self, size_max: usize) -> Option<PayloadSpace<'_>> {
        let missing = self.missing();
        if missing < DIRECT_READ_MIN_BYTES {
            return None;
        }
        self.reserve(DIRECT_READ_MIN_BYTES, size_max);
        let spare = self.bytes.capacity() - self.bytes.len();
        Some(PayloadSpace((&mut self.bytes).limit(missing.min(spare))))
    }

    /// The message, once it is whole.
    pub(super) fn into_message(self) -> Result<Message, DecodeError> {
        let bytes = Bytes::from(self.bytes);
        match self.kind {
            DataKind::Binary => Ok(Message::Binary(bytes)),
            DataKind::Text if self.valid_len < bytes.len() => {
                Err(DecodeError::Utf8(Utf8Place::Text))
            }
            // SAFETY: `valid_len` is the length of all, and that much was
            // found to be UTF-8; see the invariant of `Body`.
            DataKind::Text => Ok(Message::Text(unsafe { Utf8Bytes::from_bytes_unchecked(bytes) })),
        }
    }

    /// Makes room for `arriving` bytes. Grows by doubling, so that the room is
    /// never much more than what has come, and never to more than the frame's
    /// end (the message's limit, where other frames follow).
    fn reserve(&mut self, arriving: usize, size_max: usize) {
        let len = self.bytes.len();
        let capacity = self.bytes.capacity();
        if capacity - len >= arriving {
            return;
        }
        let doubled = capacity.saturating_mul(2);
        let wanted = doubled.max(self.frame_end.min(FIRST_RESERVATION_MAX_BYTES));
        let bound = if self.fin { self.frame_end } else { size_max };
        self.bytes.reserve_exact(wanted.min(bound).max(len + arriving) - len);
    }

    fn unmask(&mut self) {
        self.mask.apply(&mut self.bytes[self.unmasked_len..]);
        self.unmasked_len = self.bytes.len();
    }

    fn check(&mut self) -> Result<(), DecodeError> {
        if self.kind == DataKind::Text {
            let new = &self.bytes[self.valid_len..self.unmasked_len];
            self.valid_len += utf8::whole_chars(new)
                .map_err(|utf8::NotUtf8| DecodeError::Utf8(Utf8Place::Text))?;
        }
        Ok(())
    }

    /// How many bytes are reserved.
    #[cfg(test)]
    pub(super) fn reserved_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

/// Room for bytes of a payload that are read from the socket. It can only be
/// added to, never beyond the frame's end.
#[derive(Debug)]
pub struct PayloadSpace<'a>(Limit<&'a mut Vec<u8>>);

// SAFETY: every call is handed on to `Limit<&mut Vec<u8>>` as it is, which
// keeps the contract of `BufMut`.
unsafe impl BufMut for PayloadSpace<'_> {
    fn remaining_mut(&self) -> usize {
        self.0.remaining_mut()
    }

    unsafe fn advance_mut(&mut self, count: usize) {
        // SAFETY: the caller gives the guarantee that is asked for here.
        unsafe { self.0.advance_mut(count) }
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        self.0.chunk_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [1, 2, 3, 4];

    fn body(kind: DataKind, fin: bool, len: usize) -> Body {
        Body::begin(kind, fin, len, Mask::new(MASK))
    }

    fn masked(bytes: &[u8]) -> BytesMut {
        let mut bytes = BytesMut::from(bytes);
        Mask::new(MASK).apply(&mut bytes);
        bytes
    }

    #[test]
    fn a_claimed_length_reserves_little() {
        let mut body = body(DataKind::Binary, true, 1 << 30);
        body.fill(&mut BytesMut::from(&b"x"[..]), 1 << 30).unwrap();
        assert_eq!(body.reserved_bytes(), FIRST_RESERVATION_MAX_BYTES);
    }

    #[test]
    fn room_is_exact_where_the_end_is_known() {
        let len = 200 * 1024;
        let mut body = body(DataKind::Binary, true, len);
        let mut input = masked(&vec![7; len]);
        while !input.is_empty() {
            body.fill(&mut input.split_to(1024), len).unwrap();
            assert!(body.reserved_bytes() <= len);
        }
        assert!(body.is_whole());
        assert_eq!(body.into_message(), Ok(Message::Binary(vec![7; len].into())));
    }

    #[test]
    fn small_fragments_do_not_make_it_quadratic() {
        let mut body = body(DataKind::Binary, false, 0);
        let mut growths = 0;
        for end in 1..=10_000 {
            let before = body.reserved_bytes();
            body.go_on(end == 10_000, end, Mask::new(MASK));
            body.fill(&mut masked(b"x"), usize::MAX).unwrap();
            growths += usize::from(body.reserved_bytes() > before);
        }
        assert!(body.is_whole());
        assert!(growths < 20, "{growths}");
    }

    #[test]
    fn space_is_for_big_payloads_and_stays_in_the_frame() {
        assert!(body(DataKind::Binary, true, 100).space(100).is_none());
        let mut body = body(DataKind::Binary, true, 100_000);
        let mut read = 0;
        while let Some(mut space) = body.space(100_000) {
            let room = space.remaining_mut();
            assert!(room > 0 && room <= 100_000 - read);
            space.put_bytes(0, room);
            read += room;
            body.fill(&mut BytesMut::new(), 100_000).unwrap();
        }
        assert!(body.reserved_bytes() <= 100_000);
        assert_eq!(body.missing(), 100_000 - read);
    }

    #[test]
    fn text_fails_at_once_and_in_the_midst_of_a_frame() {
        let mut body = body(DataKind::Text, true, 100);
        let mut input = masked(b"abc\xf4\x90");
        body.fill(&mut input.split_to(4), 100).unwrap();
        let mut last = input;
        assert_eq!(body.fill(&mut last, 100), Err(DecodeError::Utf8(Utf8Place::Text)));
    }

    #[test]
    fn text_may_not_end_within_a_character() {
        let mut body = body(DataKind::Text, true, 4);
        body.fill(&mut masked(b"a\xf0\x9f\x98"), 4).unwrap();
        assert!(body.is_whole());
        assert_eq!(body.into_message(), Err(DecodeError::Utf8(Utf8Place::Text)));
    }
}
