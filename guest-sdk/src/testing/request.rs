//! Requests, made up.

use super::{Connection, others::Others, stores::Stores};
use crate::presence::Present;
use crate::{ConnectionId, Handler, HttpVersion, Peer, Request, Response, TlsInfo};

/// Begins a request for a WebSocket, by `GET` over plain HTTP/1.1 from
/// `192.0.2.1:50000` to `localhost`. The target is a path, with a query if you
/// like: `"/chat/lobby?name=Ann"`.
pub fn request(target: &str) -> RequestBuilder {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (target, None),
    };
    let request = Request {
        id: "connection-under-test".into(),
        method: "GET".to_owned(),
        scheme: "http".to_owned(),
        authority: Some("localhost".to_owned()),
        path: path.to_owned(),
        query,
        version: HttpVersion::Http11,
        headers: Vec::new(),
        peer: Peer { address: "192.0.2.1".to_owned(), port: 50_000 },
        tls: None,
        upgrade: true,
        subprotocols: Vec::new(),
        parameters: Vec::new(),
    };
    RequestBuilder { request, stores: Stores::default(), others: Others::default() }
}

/// A request being made up.
#[derive(Clone, Debug)]
#[must_use]
pub struct RequestBuilder {
    request: Request,
    stores: Stores,
    others: Others,
}

impl RequestBuilder {
    /// Sets the connection's id.
    pub fn id(mut self, id: &str) -> Self {
        self.request.id = id.into();
        self
    }

    /// Adds a header field.
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.request.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Offers a subprotocol, behind those offered so far.
    pub fn subprotocol(mut self, name: &str) -> Self {
        self.request.subprotocols.push(name.to_owned());
        self
    }

    /// Binds a parameter of the route's pattern.
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.request.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Says who asks.
    pub fn peer(mut self, address: &str, port: u16) -> Self {
        let address = address.to_owned();
        self.request.peer = Peer { address, port };
        self
    }

    /// Asks over TLS.
    pub fn tls(mut self, tls: TlsInfo) -> Self {
        self.request.scheme = "https".to_owned();
        self.request.tls = Some(tls);
        self
    }

    /// Asks over HTTP/2, by `CONNECT`.
    pub fn http2(mut self) -> Self {
        self.request.method = "CONNECT".to_owned();
        self.request.version = HttpVersion::Http2;
        self
    }

    /// Asks for no WebSocket: a plain `GET`.
    pub fn plain(mut self) -> Self {
        self.request.method = "GET".to_owned();
        self.request.upgrade = false;
        self
    }

    /// Has this value in a key-value store.
    pub fn value(mut self, store: &str, key: &str, value: impl Into<Vec<u8>>) -> Self {
        let store = self.stores.entry(store.to_owned()).or_default();
        store.insert(key.to_owned(), value.into());
        self
    }

    /// Has another connection registered this name.
    pub fn name(mut self, name: &str, of: impl Into<ConnectionId>) -> Self {
        self.others.name(name.to_owned(), of.into());
        self
    }

    /// Has another connection present on this topic.
    pub fn present(mut self, topic: &str, present: Present) -> Self {
        let there = self.others.present.entry(topic.to_owned()).or_default();
        there.insert(present.id.clone(), present);
        self
    }

    /// The request, for what takes one.
    pub fn build(self) -> Request {
        self.request
    }

    /// Gives the request to the handler's `init`, then calls `opened`.
    ///
    /// # Errors
    ///
    /// The handler's response, where it did not accept.
    pub fn init<H: Handler>(self) -> Result<Connection<H>, Response> {
        Connection::new(self.request, self.stores, self.others)
    }

    /// As [`init`](Self::init), for a handler that accepts.
    ///
    /// # Panics
    ///
    /// Where it does not.
    #[track_caller]
    pub fn open<H: Handler>(self) -> Connection<H> {
        match self.init() {
            Ok(connection) => connection,
            Err(response) => panic!("the handler answered instead: {response:?}"),
        }
    }

    /// As [`init`](Self::init), for a handler that answers with a response.
    ///
    /// # Panics
    ///
    /// Where it accepts.
    #[track_caller]
    pub fn refused<H: Handler>(self) -> Response {
        match self.init::<H>() {
            Ok(_) => panic!("the handler accepted"),
            Err(response) => response,
        }
    }

    /// Gives the request, and the state that another version saved, to the
    /// handler's `restore`.
    ///
    /// # Errors
    ///
    /// The handler's, where it does not take the state over.
    pub fn restore<H: Handler>(
        self,
        state: impl Into<Vec<u8>>,
        from_version: &str,
    ) -> Result<Connection<H>, String> {
        Connection::restored(self.request, self.stores, self.others, state.into(), from_version)
    }
}
