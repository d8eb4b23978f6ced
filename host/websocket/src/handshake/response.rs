//! The headers of the response.

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use thiserror::Error;
use tungstenite::handshake::derive_accept_key;

use super::Handshake;
use crate::Agreed;

/// A subprotocol was chosen that the client didn't offer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the subprotocol `{0}` was not offered by the client")]
pub struct NotOffered(pub String);

impl Handshake {
    /// The headers that make a 101, or over HTTP/2 a 200, the answer to this
    /// handshake (RFC 6455, 4.2.2; RFC 8441, 5), with the subprotocol that was
    /// chosen, if any. Compare
    /// [`is_allowed_on_response`] for what may be added.
    ///
    /// # Errors
    ///
    /// [`NotOffered`] for a subprotocol that isn't one of those offered.
    pub fn response_headers(&self, subprotocol: Option<&str>) -> Result<HeaderMap, NotOffered> {
        let mut headers = HeaderMap::new();
        if let Some(accept) = &self.accept {
            headers = upgrade_headers();
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept.clone());
        }
        if let Some(name) = subprotocol {
            let value = HeaderValue::from_str(name)
                .ok()
                .filter(|_| self.offers.subprotocols().iter().any(|offered| offered == name))
                .ok_or_else(|| NotOffered(name.to_owned()))?;
            headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
        }
        Ok(headers)
    }
}

/// `Sec-WebSocket-Extensions` that tells the client what was agreed on of what it
/// offered (RFC 7692, 5.1).
#[must_use]
pub fn extensions_answer(agreed: &Agreed) -> HeaderValue {
    HeaderValue::from_str(agreed.answer()).expect("the answer is visible ASCII")
}

/// `Sec-WebSocket-Accept` for a client's key (RFC 6455, 4.2.2, 5.4).
#[must_use]
pub fn accept_key(key: &HeaderValue) -> HeaderValue {
    HeaderValue::try_from(derive_accept_key(key.as_bytes())).expect("base64 is visible ASCII")
}

/// The headers of a 426 that says to ask for a WebSocket: what to upgrade to
/// (RFC 9110, 15.5.22) and in which version (RFC 6455, 4.4).
#[must_use]
pub fn upgrade_required_headers() -> HeaderMap {
    let mut headers = upgrade_headers();
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers
}

fn upgrade_headers() -> HeaderMap {
    HeaderMap::from_iter([
        (CONNECTION, HeaderValue::from_static("upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
    ])
}

/// Whether a handler may add this header to the response that opens a
/// WebSocket. Not the handshake's own, nor any that is about the HTTP
/// connection or a body: the peer would read what follows otherwise than we
/// write it.
#[must_use]
pub fn is_allowed_on_response(name: &HeaderName) -> bool {
    let is_of_http =
        [&CONNECTION, &CONTENT_LENGTH, &TE, &TRAILER, &TRANSFER_ENCODING, &UPGRADE].contains(&name);
    let name = name.as_str();
    !is_of_http
        && !matches!(name, "keep-alive" | "proxy-connection")
        && !name.starts_with("sec-websocket-")
}
