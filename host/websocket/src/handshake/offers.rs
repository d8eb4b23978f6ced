//! What a client offers to choose from.

use std::str;

use hyper::header::{HeaderMap, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL};

use super::{
    HandshakeError,
    extensions::{self, Extension},
    headers,
};
use crate::{Agreed, DeflateOptions, PERMESSAGE_DEFLATE};

/// The subprotocols and extensions that a handshake offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    subprotocols: Vec<String>,
    extensions: Vec<Extension>,
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

    /// The extensions of all `Sec-WebSocket-Extensions` headers, most wanted
    /// first, known or not.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// What can be agreed on for compression (RFC 7692, 5): the first offer of
    /// it that can be accepted, with these options. None: no compression.
    #[must_use]
    pub fn deflate(&self, options: &DeflateOptions) -> Option<Agreed> {
        self.extensions
            .iter()
            .filter(|offer| offer.name() == PERMESSAGE_DEFLATE)
            .find_map(|offer| Agreed::to_offer(offer.parameters(), options))
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

fn extensions(headers: &HeaderMap) -> Result<Vec<Extension>, HandshakeError> {
    let mut offered = Vec::new();
    for value in headers.get_all(SEC_WEBSOCKET_EXTENSIONS) {
        let listed = extensions::parse(value.as_bytes());
        offered.extend(listed.ok_or(HandshakeError::ExtensionSyntax)?);
    }
    if offered.is_empty() && headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err(HandshakeError::ExtensionSyntax);
    }
    Ok(offered)
}
