//! What a client offers to choose from.

use std::str;

use hyper::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL};

use super::{HandshakeError, extensions, headers};

/// The subprotocols and extensions that a handshake offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    subprotocols: Vec<String>,
    extensions: Vec<HeaderValue>,
}

impl Offers {
    /// More subprotocols than this aren't taken.
    pub const SUBPROTOCOLS_MAX: usize = 64;

    /// Reads them from a request's headers.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, HandshakeError> {
        Ok(Self { subprotocols: subprotocols(headers)?, extensions: extensions(headers)? })
    }

    /// The subprotocols, most wanted first. Tokens, none of them twice; case
    /// counts.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.subprotocols
    }

    /// The values of the `Sec-WebSocket-Extensions` headers, in order. Their
    /// syntax is right; whether anything can be made of them is not looked at.
    #[must_use]
    pub fn extensions(&self) -> &[HeaderValue] {
        &self.extensions
    }
}

fn subprotocols(headers: &HeaderMap) -> Result<Vec<String>, HandshakeError> {
    let mut names: Vec<String> = Vec::new();
    for name in headers::elements(headers, &SEC_WEBSOCKET_PROTOCOL) {
        let name = str::from_utf8(name)
            .ok()
            .filter(|name| name.bytes().all(headers::is_token_byte))
            .ok_or(HandshakeError::SubprotocolSyntax)?;
        if names.iter().any(|known| known == name) {
            return Err(HandshakeError::SubprotocolRepeated);
        }
        if names.len() == Offers::SUBPROTOCOLS_MAX {
            return Err(HandshakeError::TooManySubprotocols);
        }
        names.push(name.to_owned());
    }
    if names.is_empty() && headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        return Err(HandshakeError::SubprotocolSyntax);
    }
    Ok(names)
}

fn extensions(headers: &HeaderMap) -> Result<Vec<HeaderValue>, HandshakeError> {
    let values: Vec<_> = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().cloned().collect();
    let mut offers = 0;
    for value in &values {
        offers += extensions::count(value.as_bytes()).ok_or(HandshakeError::ExtensionSyntax)?;
    }
    if offers == 0 && !values.is_empty() {
        return Err(HandshakeError::ExtensionSyntax);
    }
    Ok(values)
}
