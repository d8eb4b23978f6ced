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

/// An extension that is offered, with its parameters. All are tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extension {
    name: String,
    parameters: Vec<(String, Option<String>)>,
}

impl Extension {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its parameters in order, each with its value if it has one.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }
}

/// The extensions that a header's value lists; none: its syntax is wrong.
pub(super) fn parse(value: &[u8]) -> Option<Vec<Extension>> {
    let mut rest = Rest(value.trim_ascii());
    let mut extensions = Vec::new();
    while !rest.0.is_empty() {
        // Elements of a list may be empty.
        if !rest.eat(b',') {
            extensions.push(rest.extension()?);
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
    fn extension(&mut self) -> Option<Extension> {
        let mut extension = Extension { name: self.token()?, parameters: Vec::new() };
        while self.eat(b';') {
            let name = self.token()?;
            let value = if self.eat(b'=') { Some(self.value()?) } else { None };
            extension.parameters.push((name, value));
        }
        Some(extension)
    }

    fn value(&mut self) -> Option<String> {
        match self.0 {
            [b'"', quoted @ ..] => {
                self.0 = quoted;
                self.rest_of_quoted_token()
            }
            _ => self.token(),
        }
    }

    fn token(&mut self) -> Option<String> {
        let bytes = self.0.iter().take_while(|&&byte| is_token_byte(byte));
        // ASCII, all of it.
        let token: String = bytes.map(|&byte| char::from(byte)).collect();
        self.skip(token.len());
        (!token.is_empty()).then_some(token)
    }

    fn rest_of_quoted_token(&mut self) -> Option<String> {
        let mut token = String::new();
        loop {
            match *self.0 {
                [b'"', ..] => {
                    self.skip(1);
                    return (!token.is_empty()).then_some(token);
                }
                [b'\\', byte, ref rest @ ..] | [byte, ref rest @ ..] if is_token_byte(byte) => {
                    self.0 = rest;
                    token.push(byte.into());
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

    /// A list as it would be written plainly.
    fn plain(value: &str) -> Option<String> {
        let write = |extension: &Extension| {
            let mut text = extension.name().to_owned();
            for (name, value) in extension.parameters() {
                text += &value.map_or(format!(";{name}"), |value| format!(";{name}={value}"));
            }
            text
        };
        Some(parse(value.as_bytes())?.iter().map(write).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn lists_are_read() {
        for (value, expected) in [
            ("permessage-deflate", "permessage-deflate"),
            ("permessage-deflate; client_bits", "permessage-deflate;client_bits"),
            ("deflate; bits=10, deflate", "deflate;bits=10,deflate"),
            ("deflate; bits=\"10\"; bits=9", "deflate;bits=10;bits=9"),
            ("foo;bar = \"ba\\z\" ;x=1 , baz", "foo;bar=baz;x=1,baz"),
            ("stream,mux;max=4;flow-control , stream", "stream,mux;max=4;flow-control,stream"),
            (", ,a,,b,", "a,b"),
            ("", ""),
            (" , ", ""),
        ] {
            assert_eq!(plain(value).as_deref(), Some(expected), "{value}");
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
            assert_eq!(parse(value.as_bytes()), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(value in "[a\\\\\";=, \t]{0,20}") {
            parse(value.as_bytes());
        }
    }
}
