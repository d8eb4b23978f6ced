//! The bytes of a message as they gather.
//!
//! The only `unsafe` of the protocol is here: text that was checked as it came
//! isn't checked again when it is whole, and the room that is lent for reading
//! into can't be used to change what was checked.
#![allow(unsafe_code)]

use bytes::{
    BufMut, Bytes,
    buf::{Limit, UninitSlice},
};

use super::{DecodeError, Message, Utf8Bytes, Utf8Place, header::DataKind, utf8};

/// A data message of which a part is here.
///
/// Invariant: in a text `bytes[..valid_len]` is UTF-8; in a binary message
/// `valid_len` is 0. It rests on this file alone: the fields are private, and
/// only bytes behind `valid_len` are ever changed.
#[derive(Debug)]
pub(super) struct Content {
    kind: DataKind,
    bytes: Vec<u8>,
    valid_len: usize,
}

impl Content {
    pub(super) fn new(kind: DataKind) -> Self {
        Self { kind, bytes: Vec::new(), valid_len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// What is here: the last bytes perhaps not yet in their final form.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes room for `arriving` more bytes. It grows by doubling, to `likely`
    /// bytes at least, but doesn't go over `bound` for either.
    pub(super) fn reserve(&mut self, arriving: usize, likely: usize, bound: usize) {
        let (len, capacity) = (self.bytes.len(), self.bytes.capacity());
        if capacity - len < arriving {
            let wanted = capacity.saturating_mul(2).max(likely).min(bound);
            self.bytes.reserve_exact(wanted.max(len + arriving) - len);
        }
    }

    /// Adds bytes, perhaps not in their final form. They're to be checked when
    /// they are.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Room for up to `len_max` more bytes, some of which was reserved.
    pub(super) fn space(&mut self, len_max: usize) -> PayloadSpace<'_> {
        let spare = self.bytes.capacity() - self.bytes.len();
        PayloadSpace((&mut self.bytes).limit(len_max.min(spare)))
    }

    /// The bytes from `begin` on, to be brought into their final form. None of
    /// those that were found to be text is among them.
    pub(super) fn unchecked_mut(&mut self, begin: usize) -> &mut [u8] {
        let begin = begin.max(self.valid_len);
        self.bytes.get_mut(begin..).unwrap_or_default()
    }

    /// Checks what is new, now in its final form. Fails at the first byte that
    /// can't be text, where this is one.
    pub(super) fn check(&mut self) -> Result<(), DecodeError> {
        if self.kind == DataKind::Text {
            self.valid_len +=
                utf8::whole_chars(&self.bytes[self.valid_len..]).map_err(|_| NOT_TEXT)?;
        }
        Ok(())
    }

    /// The message, once all is here and checked.
    pub(super) fn into_message(self) -> Result<Message, DecodeError> {
        let bytes = Bytes::from(self.bytes);
        match self.kind {
            DataKind::Binary => Ok(Message::Binary(bytes)),
            DataKind::Text if self.valid_len < bytes.len() => Err(NOT_TEXT),
            // SAFETY: `valid_len` is the length of all, and that much was
            // found to be UTF-8; see the invariant of `Content`.
            DataKind::Text => Ok(Message::Text(unsafe { Utf8Bytes::from_bytes_unchecked(bytes) })),
        }
    }

    /// How many bytes are reserved.
    #[cfg(test)]
    pub(super) fn reserved_bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

const NOT_TEXT: DecodeError = DecodeError::Utf8(Utf8Place::Text);

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

    #[test]
    fn what_was_found_to_be_text_can_not_be_changed() {
        let mut content = Content::new(DataKind::Text);
        content.append("a€".as_bytes());
        content.check().unwrap();
        content.append(b"\xe2\x82");
        content.check().unwrap();
        assert_eq!(content.unchecked_mut(0), b"\xe2\x82");
        assert_eq!(content.unchecked_mut(5), b"\x82");
        assert_eq!(content.unchecked_mut(7), b"");
        content.unchecked_mut(0).fill(b'x');
        content.check().unwrap();
        assert_eq!(content.into_message(), Ok(Message::Text("a€xx".into())));
    }

    #[test]
    fn text_may_not_end_within_a_character() {
        let mut content = Content::new(DataKind::Text);
        content.append(b"a\xf0\x9f\x98");
        content.check().unwrap();
        assert_eq!(content.into_message(), Err(NOT_TEXT));
    }

    #[test]
    fn growth_is_doubling_within_the_bound() {
        let mut content = Content::new(DataKind::Binary);
        content.reserve(1, 64, 100);
        assert_eq!(content.reserved_bytes(), 64);
        content.append(&[0; 64]);
        content.reserve(1, 0, 100);
        assert_eq!(content.reserved_bytes(), 100);
        content.reserve(50, 0, 100);
        assert_eq!(content.reserved_bytes(), 114);
    }
}
