//! The opening handshake (RFC 6455, 4.2), without I/O: what a request asks
//! for, and the headers that answer it.
//!
//! A request asks for a WebSocket if its `Upgrade` header names `websocket`,
//! or if it carries any `Sec-WebSocket-*` header. Then it must do so properly,
//! or it is malformed and answered with [`HandshakeError::status`]. The
//! second condition finds handshakes that a proxy has stripped of `Upgrade`
//! and `Connection`: they'd pass for plain requests. All other requests are
//! plain ones, an upgrade to another protocol among them, and `Upgrade` in
//! HTTP/1.0, which a server must ignore (RFC 9110, 7.8).
//!
//! Over HTTP/2 (RFC 8441) it asks by the method `CONNECT` and the
//! pseudo-header `:protocol`. There is no key; the version, the subprotocols
//! and the extensions are read alike.

mod error;
mod extensions;
mod headers;
mod offers;
mod response;

use hyper::{
    Method, Version,
    ext::Protocol,
    header::{
        CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
    },
    http::request::Parts,
};

pub use self::{
    error::HandshakeError,
    extensions::Extension,
    offers::Offers,
    response::{
        NotOffered, accept_key, extensions_answer, is_allowed_on_response, upgrade_required_headers,
    },
};

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Something else than a WebSocket.
    Nothing,
    /// A WebSocket, properly.
    WebSocket(Handshake),
}

/// A handshake that can be answered with a 101, or over HTTP/2 with a 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// What the client offers to choose from.
    pub offers: Offers,
    /// `Sec-WebSocket-Accept` of the answer; none over HTTP/2.
    accept: Option<HeaderValue>,
}

impl Handshake {
    /// Whether it came over HTTP/1.1.
    #[must_use]
    pub fn is_http1(&self) -> bool {
        self.accept.is_some()
    }
}

/// Finds out what a request asks for.
///
/// # Errors
///
/// [`HandshakeError`] where it asks for a WebSocket, but not as RFC 6455,
/// 4.2.1 or RFC 8441, 5 wants it, and where it asks for another tunnel.
/// Nothing that follows is to be told of such a request.
pub fn check(parts: &Parts) -> Result<Asked, HandshakeError> {
    if parts.method == Method::CONNECT {
        return check_connect(parts);
    }
    if !asks_for_websocket(parts) {
        return Ok(Asked::Nothing);
    }
    check_request(parts)?;
    check_version(&parts.headers)?;
    let accept = Some(accept_key(key(&parts.headers)?));
    let offers = Offers::read(&parts.headers)?;
    Ok(Asked::WebSocket(Handshake { offers, accept }))
}

/// Checks an extended CONNECT (RFC 8441, 4 and 5).
fn check_connect(parts: &Parts) -> Result<Asked, HandshakeError> {
    let protocol = parts.extensions.get::<Protocol>().map(Protocol::as_str);
    if parts.version != Version::HTTP_2 || protocol != Some("websocket") {
        return Err(HandshakeError::Tunnel);
    }
    check_version(&parts.headers)?;
    let offers = Offers::read(&parts.headers)?;
    Ok(Asked::WebSocket(Handshake { offers, accept: None }))
}

fn asks_for_websocket(Parts { version, headers, .. }: &Parts) -> bool {
    let by_upgrade =
        *version >= Version::HTTP_11 && headers::names_token(headers, &UPGRADE, "websocket");
    by_upgrade || headers.keys().any(|name| name.as_str().starts_with("sec-websocket-"))
}

/// Checks what HTTP/1.1 asks of a request that upgrades.
fn check_request(parts: &Parts) -> Result<(), HandshakeError> {
    let headers = &parts.headers;
    if parts.method != Method::GET {
        return Err(HandshakeError::Method);
    }
    if parts.version != Version::HTTP_11 {
        return Err(HandshakeError::HttpVersion);
    }
    if headers::single(headers, &HOST).is_none_or(HeaderValue::is_empty) {
        return Err(HandshakeError::Host);
    }
    if !headers::names_token(headers, &UPGRADE, "websocket") {
        return Err(HandshakeError::Upgrade);
    }
    if !headers::names_token(headers, &CONNECTION, "upgrade") {
        return Err(HandshakeError::Connection);
    }
    if has_body(headers) {
        return Err(HandshakeError::Body);
    }
    Ok(())
}

/// Whether a body follows, whose bytes could be taken for frames.
fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get_all(CONTENT_LENGTH).iter().any(|length| length != "0")
}

fn check_version(headers: &HeaderMap) -> Result<(), HandshakeError> {
    match headers::single(headers, &SEC_WEBSOCKET_VERSION) {
        Some(version) if version == "13" => Ok(()),
        _ => Err(HandshakeError::Version),
    }
}

/// The client's key: 16 bytes in base64, so 22 digits and two signs of
/// padding. What the bytes are doesn't matter.
fn key(headers: &HeaderMap) -> Result<&HeaderValue, HandshakeError> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    headers::single(headers, &SEC_WEBSOCKET_KEY)
        .filter(|key| match key.as_bytes().split_last_chunk() {
            Some((digits, b"==")) => digits.len() == 22 && digits.iter().all(is_digit),
            _ => false,
        })
        .ok_or(HandshakeError::Key)
}

#[cfg(test)]
mod tests;
