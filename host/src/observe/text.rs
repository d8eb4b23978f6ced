//! Text of others, made fit for a line.

use std::borrow::Cow;

/// The text, cut to so many bytes, and with escapes for what could forge lines,
/// colours or the order of characters.
#[must_use]
pub fn printable(text: &str, max_bytes: usize) -> Cow<'_, str> {
    let text = &text[..text.floor_char_boundary(max_bytes)];
    if !text.chars().any(misleads) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if misleads(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    Cow::Owned(line)
}

/// Control characters, line separators, and those that turn the direction of
/// writing.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_misleads_is_escaped_and_long_text_is_cut() {
        assert_eq!(printable("a\nb\u{1b}[31m", 80), "a\\nb\\u{1b}[31m");
        assert_eq!(printable("a\u{202e}b", 80), "a\\u{202e}b");
        assert_eq!(printable("a\u{e9}", 2), "a");
        assert_eq!(printable("a\u{e9}", 3), "a\u{e9}");
    }
}
