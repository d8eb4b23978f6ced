//! UTF-8 that arrives bit by bit (RFC 6455, 8.1).

use std::str;

use bytes::Bytes;

use super::Utf8Bytes;

/// These bytes aren't UTF-8, nor the beginning of it where more may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotUtf8;

/// How many of these bytes are whole characters. The rest, three bytes at
/// most, is the beginning of one.
///
/// Fails at the first byte that can't be valid, whatever follows.
pub(super) fn whole_chars(bytes: &[u8]) -> Result<usize, NotUtf8> {
    match str::from_utf8(bytes) {
        Ok(text) => Ok(text.len()),
        Err(error) if error.error_len().is_none() => Ok(error.valid_up_to()),
        Err(_) => Err(NotUtf8),
    }
}

/// These bytes as text, if that is what they are.
pub(super) fn into_text(bytes: Bytes) -> Result<Utf8Bytes, NotUtf8> {
    Utf8Bytes::try_from(bytes).map_err(|_| NotUtf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn beginnings_are_kept_for_later() {
        assert_eq!(whole_chars(b""), Ok(0));
        assert_eq!(whole_chars(b"abc"), Ok(3));
        assert_eq!(whole_chars("abc€".as_bytes()), Ok(6));
        assert_eq!(whole_chars(b"abc\xe2\x82"), Ok(3));
        assert_eq!(whole_chars(b"\xf0\x9f\x98"), Ok(0));
    }

    #[test]
    fn fails_at_the_first_byte_that_cannot_be_valid() {
        // A lone continuation, overlong forms, a surrogate, beyond U+10FFFF
        // (Autobahn 6.4: the fourth byte need not be awaited), no such byte.
        let bad: [&[u8]; 7] =
            [b"\x80", b"\xc0", b"\xe0\x80", b"\xf0\x80", b"\xed\xa0", b"\xf4\x90", b"\xf5"];
        for bytes in bad {
            assert_eq!(whole_chars(bytes), Err(NotUtf8), "{bytes:x?}");
            let (_, before) = bytes.split_last().unwrap();
            assert_eq!(whole_chars(before), Ok(0), "{before:x?}");
        }
    }

    proptest! {
        #[test]
        fn any_beginning_of_text_passes(text: String, cut: prop::sample::Index) {
            let bytes = &text.as_bytes()[..cut.index(text.len() + 1)];
            let whole = whole_chars(bytes).unwrap();
            prop_assert!(bytes.len() - whole <= 3);
            prop_assert!(text.is_char_boundary(whole));
        }
    }
}
