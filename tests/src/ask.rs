//! A request for a WebSocket.

use std::net::SocketAddr;

use hyper::header::{HeaderName, HeaderValue};

use crate::{
    Client, Log, Mode, Raw, Response, Trust,
    transport::{self, Refused, Stream},
};

/// A request for a WebSocket. Its scripts are for the `scripted` guest.
#[derive(Clone, Debug)]
pub struct Ask {
    pub(crate) mode: Mode,
    pub(crate) address: SocketAddr,
    pub(crate) trust: Option<Trust>,
    pub(crate) target: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) preface: Vec<u8>,
    /// The log of the host, where it is known.
    log: Option<Log>,
}

impl Ask {
    pub(crate) fn new(mode: Mode, address: SocketAddr) -> Self {
        let ask = Self {
            mode,
            address,
            trust: None,
            target: "/".into(),
            headers: Vec::new(),
            preface: Vec::new(),
            log: None,
        };
        if mode.hibernating { ask.header("x-hibernate", "1") } else { ask }
    }

    /// For this path and query.
    #[must_use]
    pub fn target(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    /// Over TLS, by a client that trusts these.
    #[must_use]
    pub fn trust(self, trust: Trust) -> Self {
        Self { trust: Some(trust), ..self }
    }

    /// Of the host that has this log.
    #[must_use]
    pub(crate) fn log(self, log: Log) -> Self {
        Self { log: Some(log), ..self }
    }

    /// With these bytes before anything else on the connection.
    #[must_use]
    pub fn preface(mut self, bytes: impl AsRef<[u8]>) -> Self {
        bytes.as_ref().clone_into(&mut self.preface);
        self
    }

    /// With this header. One of the same name stays.
    ///
    /// # Panics
    /// If it is not valid.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("the header's value is valid");
        self.headers.push((HeaderName::from_static(name), value));
        self
    }

    /// With these subprotocols.
    #[must_use]
    pub fn subprotocols(self, names: &str) -> Self {
        self.header("sec-websocket-protocol", names)
    }

    /// With this script for `init`.
    #[must_use]
    pub fn init(self, script: &str) -> Self {
        self.header("x-init", script)
    }

    /// With this script for `opened`.
    #[must_use]
    pub fn opened(self, script: &str) -> Self {
        self.header("x-opened", script)
    }

    /// With this script for `info`.
    #[must_use]
    pub fn info(self, script: &str) -> Self {
        self.header("x-info", script)
    }

    /// With this script for `terminate`.
    #[must_use]
    pub fn terminate(self, script: &str) -> Self {
        self.header("x-terminate", script)
    }

    /// Opens a WebSocket, and speaks to it by a client that is made well.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn open(self) -> Client {
        let (response, stream) = self.opened_stream().await;
        Client::new(response, stream).await
    }

    /// Opens a WebSocket, and speaks to it frame by frame, wrong ones too.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn open_raw(self) -> Raw {
        let (_, stream) = self.opened_stream().await;
        Raw::new(stream)
    }

    /// Opens a WebSocket, if the host is there and makes one.
    pub async fn try_open(self) -> Option<Client> {
        let (response, stream) = transport::open(&self).await.ok()?;
        Some(Client::new(response, stream).await)
    }

    /// The response of a host that makes no WebSocket.
    ///
    /// # Panics
    /// If it makes one.
    pub async fn refused(self) -> Response {
        match transport::open(&self).await {
            Err(Refused::Response(response)) => response,
            Err(Refused::Gone(why)) => panic!("not refused by a response: {why}"),
            Ok((response, _)) => panic!("not refused, but {response:?}"),
        }
    }

    async fn opened_stream(self) -> (Response, Stream) {
        let opened = transport::open(&self).await;
        let (response, stream) = opened.unwrap_or_else(|refused| panic!("refused: {refused:?}"));
        if let Some(log) = &self.log {
            hibernated(log, &response).await;
        }
        (response, stream)
    }
}

/// Waits until the handler was unloaded for the first time, if it asks for that
/// in every callback: the `scripted` guest names the connection then. Whatever
/// the test does, it does to a handler that sleeps, or that has ended the
/// connection in `opened`.
async fn hibernated(log: &Log, response: &Response) {
    if response.headers.contains_key("x-connection") {
        let connection = response.header("x-connection");
        let unloaded_or_ended = |line: &str| {
            line.contains(&connection)
                && ["asleep", "connection ended", "handler failed"]
                    .iter()
                    .any(|what| line.contains(what))
        };
        log.line(unloaded_or_ended).await;
    }
}
