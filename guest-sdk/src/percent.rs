//! Percent-decoding (RFC 3986, section 2.1).

use std::borrow::Cow;

/// Decodes `%XX`. A `%` that starts no such triple stands for itself, and what
/// is not UTF-8 afterwards becomes U+FFFD.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = decode_bytes(text.as_bytes());
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// Decodes as a form's data: as [`decode`], and `+` is a space.
pub(crate) fn decode_form(text: &str) -> Cow<'_, str> {
    if !text.contains('+') {
        return decode(text);
    }
    Cow::Owned(decode(&text.replace('+', " ")).into_owned())
}

fn decode_bytes(mut rest: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(rest.len());
    while let Some((&byte, behind)) = rest.split_first() {
        match escaped(rest) {
            Some(value) => {
                decoded.push(value);
                rest = &rest[3..];
            }
            None => {
                decoded.push(byte);
                rest = behind;
            }
        }
    }
    decoded
}

/// The byte that `%XX` at the front stands for.
fn escaped(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else {
        return None;
    };
    Some(hex(*high)? << 4 | hex(*low)?)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triples_are_decoded_and_the_rest_is_kept() {
        assert_eq!(decode("plain"), "plain");
        assert_eq!(decode("%41%4a%4A"), "AJJ");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%4"), "%4");
        assert_eq!(decode("%zz%41"), "%zzA");
        assert_eq!(decode("%%41"), "%A");
        assert_eq!(decode("%ff"), "\u{fffd}");
        assert_eq!(decode("a+b"), "a+b");
    }

    #[test]
    fn a_plus_is_a_space_in_a_form_only_where_it_was_not_encoded() {
        assert_eq!(decode_form("a+b%2Bc"), "a b+c");
    }
}
