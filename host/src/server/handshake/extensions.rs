//! The syntax of `Sec-WebSocket-Extensions` (RFC 6455, 9.1):
//!
//! ```text
//! extension-list  = 1#extension
//! extension       = token *( ";" extension-param )
//! extension-param = token [ "=" ( token / quoted-string ) ]
//! ```
//!
//! where a quoted string, unquoted, must be a token as well.

use super::headers::is_token_byte;

/// How many extensions a header's value lists; none: its syntax is wrong.
pub(super) fn count(value: &[u8]) -> Option<usize> {
    let mut rest = Rest(value.trim_ascii());
    let mut extensions = 0;
    while !rest.0.is_empty() {
        // Elements of a list may be empty.
        if !rest.eat(b',') {
            rest.extension()?;
            extensions += 1;
            if !rest.0.is_empty() && !rest.eat(b',') {
                return None;
            }
        }
    }
    Some(extensions)
}

/// What is still to be read. White space before it is always skipped.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn extension(&mut self) -> Option<()> {
        self.token()?;
        while self.eat(b';') {
            self.token()?;
            if self.eat(b'=') {
                self.value()?;
            }
        }
        Some(())
    }

    fn value(&mut self) -> Option<()> {
        match self.0 {
            [b'"', quoted @ ..] => {
                self.0 = quoted;
                self.rest_of_quoted_token()
            }
            _ => self.token(),
        }
    }

    fn token(&mut self) -> Option<()> {
        let len = self.0.iter().take_while(|&&byte| is_token_byte(byte)).count();
        self.skip(len);
        (len > 0).then_some(())
    }

    fn rest_of_quoted_token(&mut self) -> Option<()> {
        let mut is_empty = true;
        loop {
            match *self.0 {
                [b'"', ..] => {
                    self.skip(1);
                    return (!is_empty).then_some(());
                }
                [b'\\', byte, ref rest @ ..] | [byte, ref rest @ ..] if is_token_byte(byte) => {
                    self.0 = rest;
                    is_empty = false;
                }
                _ => return None,
            }
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.0.first() == Some(&byte);
        if is_next {
            self.skip(1);
        }
        is_next
    }

    fn skip(&mut self, len: usize) {
        self.0 = self.0[len..].trim_ascii_start();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_are_counted() {
        for (value, extensions) in [
            ("permessage-deflate", 1),
            ("permessage-deflate; client_max_window_bits", 1),
            ("permessage-deflate; server_max_window_bits=10, permessage-deflate", 2),
            ("foo;bar = \"ba\\z\" ;x=1 , baz", 2),
            ("deflate-stream,mux;max-channels=4;flow-control , deflate-stream", 3),
            (", ,a,,b,", 2),
            ("", 0),
            (" , ", 0),
        ] {
            assert_eq!(count(value.as_bytes()), Some(extensions), "{value}");
        }
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for value in [
            "foo bar",
            "foo;",
            "foo;;bar",
            "foo; =1",
            "foo; a=",
            "foo; a=\"",
            "foo; a=\"\"",
            "foo; a=\"b c\"",
            "foo; a=\"b\\\"",
            "foo; a=\"b\"c",
            "=",
            "foo/bar",
            "\"foo\"",
            "f\u{f6}\u{f6}",
        ] {
            assert_eq!(count(value.as_bytes()), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(value in "[a\\\\\";=, \t]{0,20}") {
            count(value.as_bytes());
        }
    }
}
