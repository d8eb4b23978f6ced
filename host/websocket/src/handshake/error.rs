//! What can be wrong with a handshake.

use hyper::{StatusCode, header::HeaderMap};
use thiserror::Error;

use super::response::upgrade_required_headers;

/// A WebSocket was asked for, but not properly. Each case is one check, its
/// text a sentence to send to the client.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HandshakeError {
    /// RFC 6455, 4.2.1, 1.
    #[error("a WebSocket must be asked for by GET")]
    Method,
    /// RFC 6455, 4.2.1, 1.
    #[error(
        "a WebSocket must be asked for by GET over HTTP/1.1, or by CONNECT over HTTP/2 (does a proxy speak HTTP/1.0?)"
    )]
    HttpVersion,
    /// RFC 6455, 4.2.1, 2.
    #[error("the request must have exactly one Host header")]
    Host,
    /// RFC 6455, 4.2.1, 3.
    #[error("the Upgrade header must name websocket (has a proxy removed it?)")]
    Upgrade,
    /// RFC 6455, 4.2.1, 4.
    #[error("the Connection header must name upgrade (has a proxy removed it?)")]
    Connection,
    /// Ours: a body's bytes could be taken for frames, and no client sends one.
    #[error("a WebSocket handshake must have no body")]
    Body,
    /// RFC 6455, 4.2.1, 6 and 4.4.
    #[error("the request must have exactly one Sec-WebSocket-Version header, with the value 13")]
    Version,
    /// RFC 6455, 4.2.1, 5.
    #[error("the request must have exactly one Sec-WebSocket-Key header, with 16 bytes in base64")]
    Key,
    /// RFC 6455, 4.1, 10: tokens, and at least one.
    #[error("Sec-WebSocket-Protocol must be a list of tokens")]
    SubprotocolSyntax,
    /// RFC 6455, 4.1, 10: "MUST all be unique strings".
    #[error("Sec-WebSocket-Protocol must name each subprotocol once")]
    SubprotocolRepeated,
    /// Ours: more than [`Offers::SUBPROTOCOLS_MAX`](super::Offers::SUBPROTOCOLS_MAX).
    #[error("Sec-WebSocket-Protocol names too many subprotocols")]
    TooManySubprotocols,
    /// RFC 6455, 9.1.
    #[error("Sec-WebSocket-Extensions must be a list of extensions with their parameters")]
    ExtensionSyntax,
    /// A `CONNECT` that asks for something else than a WebSocket (RFC 8441, 4).
    #[error("the only tunnel served here is a WebSocket over HTTP/2")]
    Tunnel,
}

impl HandshakeError {
    /// The status of the response: 426 for another version of the protocol
    /// (RFC 6455, 4.2.2), 501 for another tunnel, otherwise 400.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Tunnel => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// Headers that the response must have: with a 426, what to upgrade to.
    #[must_use]
    pub fn headers(self) -> HeaderMap {
        match self {
            Self::Version => upgrade_required_headers(),
            _ => HeaderMap::new(),
        }
    }
}
