//! An origin whose pages may open WebSockets.

use std::{fmt, str::FromStr};

use hyper::http::uri::Authority;

/// An origin, as browsers send it (RFC 6454, 6.2): `SCHEME://HOST`, in lower case, with
/// a port where it isn't the scheme's own, and nothing behind; or `null`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedOrigin(String);

/// No browser sends such an origin.
#[derive(Debug)]
pub struct NoOrigin;

impl AllowedOrigin {
    /// Whether a browser's header field names it.
    pub(super) fn is(&self, sent: &[u8]) -> bool {
        self.0.as_bytes() == sent
    }
}

impl FromStr for AllowedOrigin {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let text = text.to_ascii_lowercase();
        let is_origin = match text.split_once("://") {
            Some((scheme, authority)) => is_scheme(scheme) && is_authority(scheme, authority),
            None => text == "null",
        };
        is_origin.then_some(Self(text)).ok_or(NoOrigin)
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_authority(scheme: &str, text: &str) -> bool {
    let Ok(authority) = text.parse::<Authority>() else { return false };
    let host = authority.host();
    let is_host =
        host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte));
    let own = match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    // As it is written: without zeros before it, and never empty.
    let port = authority.port_u16().filter(|port| Some(*port) != own);
    let written = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    !host.is_empty() && is_host && text == written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_send_is_an_origin() {
        for (given, sent) in [
            ("https://example.com", "https://example.com"),
            ("HTTPS://Example.com", "https://example.com"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://example.com:443", "http://example.com:443"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
            ("null", "null"),
        ] {
            let origin: AllowedOrigin = given.parse().unwrap();
            assert!(origin.is(sent.as_bytes()), "{given}");
        }
    }

    #[test]
    fn what_none_sends_is_no_origin() {
        for given in [
            "",
            "*",
            "example.com",
            "https://",
            "https://example.com/",
            "https://example.com/path",
            "https://example.com:443",
            "http://example.com:80",
            "https://example.com:",
            "https://example.com:08443",
            "https://example.com:70000",
            "https://*.example.com",
            "https://user@example.com",
            "https://exämple.com",
            "://example.com",
            "1x://example.com",
        ] {
            assert!(given.parse::<AllowedOrigin>().is_err(), "{given}");
        }
    }
}
