//! A request as the handler is given it.

use std::{
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use hyper::{Version, header::HOST, http::request::Parts};
use tokio::net::TcpStream;
use tokio_rustls::{rustls::ProtocolVersion, server::TlsStream};

use crate::{
    connection::{PeerKey, Place},
    sandbox::types::{HttpVersion, Peer, Request, TlsInfo},
    websocket::handshake::Asked,
};

/// Where requests come from: the socket's facts.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) peer: SocketAddr,
    pub(super) place: SocketPlace,
    pub(super) tls: Option<TlsFacts>,
}

/// The place of a socket among the host's connections, while it is no WebSocket.
#[derive(Debug)]
pub(super) struct SocketPlace {
    /// By what it is counted.
    pub(super) key: PeerKey,
    place: Mutex<Option<Place>>,
}

impl SocketPlace {
    pub(super) fn new(key: PeerKey, place: Place) -> Self {
        Self { key, place: Mutex::new(Some(place)) }
    }

    /// Gives it back: the WebSocket that the socket becomes has one of its own.
    pub(super) fn leave(&self) {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// What is known of a connection made over TLS.
#[derive(Debug)]
pub(super) struct TlsFacts {
    version: &'static str,
    alpn: Option<String>,
    server_name: Option<String>,
}

impl TlsFacts {
    pub(super) fn of(stream: &TlsStream<TcpStream>) -> Self {
        let (_, tls) = stream.get_ref();
        Self {
            version: match tls.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            },
            alpn: tls.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            server_name: tls.server_name().map(str::to_owned),
        }
    }

    fn info(&self) -> TlsInfo<'_> {
        TlsInfo {
            version: self.version,
            alpn: self.alpn.as_deref(),
            server_name: self.server_name.as_deref(),
        }
    }
}

/// The text and lists that a [`Request`] borrows.
pub(super) struct Description<'a> {
    parts: &'a Parts,
    asked: &'a Asked,
    origin: &'a Origin,
    id: String,
    address: String,
    port: u16,
    headers: Vec<(&'a str, &'a [u8])>,
    subprotocols: Vec<&'a str>,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Description<'a> {
    /// Describes a request of this client, which is not the socket's peer where
    /// a proxy stands between.
    pub(super) fn new(
        parts: &'a Parts,
        asked: &'a Asked,
        parameters: &'a [(String, String)],
        origin: &'a Origin,
        client: SocketAddr,
        id: String,
    ) -> Self {
        let headers = parts.headers.iter();
        let subprotocols = match asked {
            Asked::Nothing => &[],
            Asked::WebSocket(handshake) => handshake.offers.subprotocols(),
        };
        Self {
            parts,
            asked,
            parameters: parameters.iter().map(|(name, value)| (&**name, &**value)).collect(),
            origin,
            id,
            address: client.ip().to_string(),
            port: client.port(),
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
            scheme: if self.origin.tls.is_some() { "https" } else { "http" },
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
            tls: self.origin.tls.as_ref().map(TlsFacts::info),
            upgrade: matches!(self.asked, Asked::WebSocket(_)),
            subprotocols: &self.subprotocols,
            parameters: &self.parameters,
        }
    }
}
