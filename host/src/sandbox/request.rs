//! A request that is kept, for `restore` to be called with.

use super::types::{HttpVersion, Peer, Request, TlsInfo};

/// A header field.
type Field = (Box<str>, Box<[u8]>);

/// A [`Request`] that borrows nothing. Of a size of its own, and kept only where a
/// handler may move to another version.
#[derive(Clone, Debug)]
pub struct KeptRequest {
    id: Box<str>,
    method: Box<str>,
    scheme: &'static str,
    authority: Option<Box<str>>,
    path: Box<str>,
    query: Option<Box<str>>,
    version: HttpVersion,
    headers: Box<[Field]>,
    address: Box<str>,
    port: u16,
    tls: Option<Tls>,
    upgrade: bool,
    subprotocols: Box<[Box<str>]>,
    parameters: Box<[(Box<str>, Box<str>)]>,
}

#[derive(Clone, Debug)]
struct Tls {
    version: Box<str>,
    alpn: Option<Box<str>>,
    server_name: Option<Box<str>>,
}

/// The lists of a [`KeptRequest`], as a [`Request`] borrows them.
pub struct Lists<'a> {
    headers: Vec<(&'a str, &'a [u8])>,
    subprotocols: Vec<&'a str>,
    parameters: Vec<(&'a str, &'a str)>,
}

impl KeptRequest {
    /// Keeps this one.
    #[must_use]
    pub fn new(request: &Request<'_>) -> Self {
        let text = |text: Option<&str>| text.map(Box::from);
        let tls = |tls: &TlsInfo<'_>| Tls {
            version: tls.version.into(),
            alpn: text(tls.alpn),
            server_name: text(tls.server_name),
        };
        let headers = request.headers.iter();
        let parameters = request.parameters.iter();
        Self {
            id: request.id.into(),
            method: request.method.into(),
            scheme: if request.scheme == "https" { "https" } else { "http" },
            authority: text(request.authority),
            path: request.path.into(),
            query: text(request.query),
            version: request.version,
            headers: headers.map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            address: request.peer.address.into(),
            port: request.peer.port,
            tls: request.tls.as_ref().map(tls),
            upgrade: request.upgrade,
            subprotocols: request.subprotocols.iter().map(|name| (*name).into()).collect(),
            parameters: parameters.map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        }
    }

    /// What [`request`](Self::request) borrows.
    #[must_use]
    pub fn lists(&self) -> Lists<'_> {
        let parameters = self.parameters.iter();
        Lists {
            headers: self.headers.iter().map(|(name, value)| (&**name, &**value)).collect(),
            subprotocols: self.subprotocols.iter().map(|name| &**name).collect(),
            parameters: parameters.map(|(name, value)| (&**name, &**value)).collect(),
        }
    }

    /// The request as it was.
    #[must_use]
    pub fn request<'a>(&'a self, lists: &'a Lists<'a>) -> Request<'a> {
        Request {
            id: &self.id,
            method: &self.method,
            scheme: self.scheme,
            authority: self.authority.as_deref(),
            path: &self.path,
            query: self.query.as_deref(),
            version: self.version,
            headers: &lists.headers,
            peer: Peer { address: &self.address, port: self.port },
            tls: self.tls.as_ref().map(|tls| TlsInfo {
                version: &tls.version,
                alpn: tls.alpn.as_deref(),
                server_name: tls.server_name.as_deref(),
            }),
            upgrade: self.upgrade,
            subprotocols: &lists.subprotocols,
            parameters: &lists.parameters,
        }
    }
}
