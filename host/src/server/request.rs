//! A request as the handler is given it.

use std::net::SocketAddr;

use hyper::{Version, header::HOST, http::request::Parts};

use super::handshake::Asked;
use crate::sandbox::types::{HttpVersion, Peer, Request};

/// The text and lists that a [`Request`] borrows.
pub(super) struct Description<'a> {
    parts: &'a Parts,
    asked: &'a Asked,
    id: String,
    address: String,
    port: u16,
    headers: Vec<(&'a str, &'a [u8])>,
    subprotocols: Vec<&'a str>,
}

impl<'a> Description<'a> {
    pub(super) fn new(parts: &'a Parts, asked: &'a Asked, peer: SocketAddr, id: String) -> Self {
        let headers = parts.headers.iter();
        let subprotocols = match asked {
            Asked::Nothing => &[],
            Asked::WebSocket(handshake) => handshake.offers.subprotocols(),
        };
        Self {
            parts,
            asked,
            id,
            address: peer.ip().to_canonical().to_string(),
            port: peer.port(),
            headers: headers.map(|(name, value)| (name.as_str(), value.as_bytes())).collect(),
            subprotocols: subprotocols.iter().map(String::as_str).collect(),
        }
    }

    pub(super) fn request(&self) -> Request<'_> {
        let uri = &self.parts.uri;
        let host = self.parts.headers.get(HOST).and_then(|host| host.to_str().ok());
        Request {
            id: &self.id,
            method: self.parts.method.as_str(),
            scheme: "http",
            authority: uri.authority().map(hyper::http::uri::Authority::as_str).or(host),
            path: uri.path(),
            query: uri.query(),
            version: match self.parts.version {
                Version::HTTP_10 => HttpVersion::Http10,
                Version::HTTP_2 => HttpVersion::Http2,
                _ => HttpVersion::Http11,
            },
            headers: &self.headers,
            peer: Peer { address: &self.address, port: self.port },
            tls: None,
            upgrade: matches!(self.asked, Asked::WebSocket(_)),
            subprotocols: &self.subprotocols,
            parameters: &[],
        }
    }
}
