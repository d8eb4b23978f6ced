//! The payload of a plain message that arrives bit by bit.

use bytes::{Buf, BytesMut};

use super::{
    DecodeError, Message,
    content::{Content, PayloadSpace},
    header::DataKind,
    mask::Mask,
};

/// What is reserved at most before a payload's bytes have come. A length that
/// is only claimed costs no more, in address space; pages aren't touched.
const FIRST_RESERVATION_MAX_BYTES: usize = 64 * 1024;

/// With fewer bytes missing, a read into the connection's own buffer does as
/// well, and takes the frames behind this one along.
const DIRECT_READ_MIN_BYTES: usize = 16 * 1024;

/// A message that isn't compressed, of which a part is here, and the frame that
/// it is in.
#[derive(Debug)]
pub(super) struct Body {
    content: Content,
    /// How much of the content is unmasked; the rest is as it came.
    unmasked_len: usize,
    /// The mask of the frame, turned to `unmasked_len`.
    mask: Mask,
    /// How long the content is when the frame is whole.
    frame_end: usize,
    /// Whether the frame is the message's last one.
    fin: bool,
}

impl Body {
    /// Begins a message with its first frame, of `len` bytes.
    pub(super) fn begin(kind: DataKind, fin: bool, len: usize, mask: Mask) -> Self {
        Self { content: Content::new(kind), unmasked_len: 0, mask, frame_end: len, fin }
    }

    /// Goes on with the message's next frame, which ends where the message is
    /// `end` bytes long. The frame before it must be whole.
    pub(super) fn go_on(&mut self, fin: bool, end: usize, mask: Mask) {
        debug_assert!(self.missing() == 0 && self.unmasked_len == self.content.len());
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
        self.frame_end.saturating_sub(self.content.len())
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
        self.content.append(&input[..len]);
        input.advance(len);
        self.mask.apply(self.content.unchecked_mut(self.unmasked_len));
        self.unmasked_len = self.content.len();
        self.content.check()
    }

    /// Room for some of what the frame lacks, where that is much.
    pub(super) fn space(&mut self, size_max: usize) -> Option<PayloadSpace<'_>> {
        let missing = self.missing();
        if missing < DIRECT_READ_MIN_BYTES {
            return None;
        }
        self.reserve(DIRECT_READ_MIN_BYTES, size_max);
        Some(self.content.space(missing))
    }

    /// The message, once it is whole.
    pub(super) fn into_message(self) -> Result<Message, DecodeError> {
        self.content.into_message()
    }

    /// Makes room for `arriving` bytes: never much more than what has come, and
    /// never to more than the frame's end (the message's limit, where other
    /// frames follow).
    fn reserve(&mut self, arriving: usize, size_max: usize) {
        let likely = self.frame_end.min(FIRST_RESERVATION_MAX_BYTES);
        let bound = if self.fin { self.frame_end } else { size_max };
        self.content.reserve(arriving, likely, bound);
    }

    /// How many bytes are reserved.
    #[cfg(test)]
    pub(super) fn reserved_bytes(&self) -> usize {
        self.content.reserved_bytes()
    }
}

#[cfg(test)]
mod tests {
    use bytes::BufMut;

    use super::{super::Utf8Place, *};

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
