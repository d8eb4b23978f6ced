//! From a request to a stream of bytes that carries a WebSocket: the only place
//! that knows the versions of HTTP.

use std::{io, iter, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    HeaderMap, Request, StatusCode,
    body::Incoming,
    client::conn::{http1, http2},
    ext::Protocol,
    http::request,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use crate::{Ask, Client, Host, Transport, Trust, patiently};

/// Bytes both ways.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// What carries a WebSocket, once it is open.
pub(crate) type Stream = Box<dyn Duplex>;

/// An HTTP response.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its header.
    pub headers: HeaderMap,
    /// Its body; of one that opens a WebSocket, empty.
    pub body: Bytes,
}

impl Response {
    /// A header field's values, joined with `, `; empty where it is not there.
    pub fn header(&self, name: &str) -> String {
        let values = self.headers.get_all(name).iter();
        let values: Vec<_> =
            values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        values.join(", ")
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    async fn read(response: hyper::Response<Incoming>) -> hyper::Result<Self> {
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Self { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

/// Why there is no WebSocket.
#[derive(Debug)]
pub(crate) enum Refused {
    /// This came instead.
    Response(Response),
    /// Nobody is there, or went in the midst of it.
    Gone(String),
}

impl<E: std::error::Error> From<E> for Refused {
    fn from(error: E) -> Self {
        let causes = iter::successors(error.source(), |cause| cause.source());
        Self::Gone(causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}")))
    }
}

/// Asks for a WebSocket.
pub(crate) async fn open(ask: &Ask) -> Result<(Response, Stream), Refused> {
    let opened = async {
        match ask.mode.transport {
            Transport::Http1 => open_http1(ask).await,
            Transport::Http2 => open_http2(ask).await,
        }
    };
    patiently("the answer to a handshake", opened).await
}

async fn open_http1(ask: &Ask) -> Result<(Response, Stream), Refused> {
    let socket = connect_by(ask.address, ask.trust.as_ref(), &ask.preface, "http/1.1").await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection.with_upgrades());
    let key = generate_key();
    let request = Request::get(&ask.target)
        .header("host", ask.address.to_string())
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-key", &key);
    let response = sender.send_request(with_headers(request, ask)?).await?;
    let (response, stream) = upgraded(response, StatusCode::SWITCHING_PROTOCOLS).await?;
    assert_eq!(response.header("sec-websocket-accept"), derive_accept_key(key.as_bytes()));
    assert_eq!(response.header("upgrade"), "websocket");
    // A host that goes down may add that it closes.
    assert!(response.header("connection").split(", ").any(|token| token == "upgrade"));
    Ok((response, stream))
}

async fn open_http2(ask: &Ask) -> Result<(Response, Stream), Refused> {
    Http2::to_address(ask.address, ask.trust.as_ref(), &ask.preface).await?.open_stream(ask).await
}

/// A connection of HTTP/2, by prior knowledge or over TLS.
#[derive(Clone)]
pub struct Http2 {
    sender: http2::SendRequest<Empty<Bytes>>,
}

impl Http2 {
    /// To this host.
    ///
    /// # Panics
    /// If there is none.
    pub async fn to(host: &Host) -> Self {
        let trust = host.trust();
        let connected = Self::to_address(host.address(), trust.as_ref(), &[]);
        let connected = patiently("a connection of HTTP/2", connected).await;
        connected.unwrap_or_else(|refused| panic!("refused: {refused:?}"))
    }

    async fn to_address(
        address: SocketAddr,
        trust: Option<&Trust>,
        preface: &[u8],
    ) -> Result<Self, Refused> {
        let socket = connect_by(address, trust, preface, "h2").await?;
        let (sender, mut connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await?;
        // The host's first word is that it speaks RFC 8441. Nobody is told when it has come:
        // hyper reads it in a task of its own.
        while !connection.is_extended_connect_protocol_enabled() {
            tokio::select! {
                ended = &mut connection => ended?,
                () = tokio::time::sleep(Duration::from_millis(1)) => {}
            }
        }
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Sends this request, and returns the response and its body.
    ///
    /// # Panics
    /// If there is none.
    pub async fn request(&self, request: Request<Empty<Bytes>>) -> Response {
        let mut sender = self.sender.clone();
        let answer = async { Response::read(sender.send_request(request).await?).await };
        patiently("a response", answer).await.expect("the host answers")
    }

    /// Opens a WebSocket on this connection.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn open(&self, ask: &Ask) -> Client {
        let opened = patiently("the answer to a handshake", self.open_stream(ask)).await;
        let (response, stream) = opened.unwrap_or_else(|refused| panic!("refused: {refused:?}"));
        Client::new(response, stream).await
    }

    /// The response on this connection of a host that makes no WebSocket.
    ///
    /// # Panics
    /// If it makes one.
    pub async fn refused(&self, ask: &Ask) -> Response {
        match patiently("the answer to a handshake", self.open_stream(ask)).await {
            Err(Refused::Response(response)) => response,
            Err(Refused::Gone(why)) => panic!("not refused by a response: {why}"),
            Ok((response, _)) => panic!("not refused, but {response:?}"),
        }
    }

    async fn open_stream(&self, ask: &Ask) -> Result<(Response, Stream), Refused> {
        let scheme = if ask.trust.is_some() { "https" } else { "http" };
        let request = Request::connect(format!("{scheme}://{}{}", ask.address, ask.target))
            .extension(Protocol::from_static("websocket"));
        let response = self.sender.clone().send_request(with_headers(request, ask)?).await?;
        let (response, stream) = upgraded(response, StatusCode::OK).await?;
        for name in ["sec-websocket-accept", "upgrade", "connection"] {
            assert!(!response.headers.contains_key(name), "{response:?}");
        }
        Ok((response, stream))
    }
}

fn with_headers(
    mut request: request::Builder,
    ask: &Ask,
) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
    request = request.header("sec-websocket-version", "13");
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    request.body(Empty::new())
}

/// What carries the WebSocket, if this response opens one.
async fn upgraded(
    mut response: hyper::Response<Incoming>,
    opening: StatusCode,
) -> Result<(Response, Stream), Refused> {
    if response.status() != opening {
        return Err(Refused::Response(Response::read(response).await?));
    }
    let stream = hyper::upgrade::on(&mut response).await?;
    let headers = response.headers().clone();
    let response = Response { status: opening.as_u16(), headers, body: Bytes::new() };
    Ok((response, Box::new(TokioIo::new(stream))))
}

/// Connects, over TLS if somebody is trusted, to speak this protocol.
async fn connect_by(
    address: SocketAddr,
    trust: Option<&Trust>,
    preface: &[u8],
    protocol: &str,
) -> io::Result<Stream> {
    let socket = connect(address, preface).await?;
    Ok(match trust {
        Some(trust) => Box::new(trust.over(socket, &[protocol]).await?),
        None => Box::new(socket),
    })
}

/// Connects, and writes what comes before anything else.
pub(crate) async fn connect(address: SocketAddr, preface: &[u8]) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    socket.write_all(preface).await?;
    Ok(socket)
}

/// Writes these bytes to a socket of its own, and reads what the host answers
/// until it closes the socket.
///
/// # Panics
/// If it does not answer and close.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let socket = connect(address, &[]).await.expect("the host accepts connections");
    exchange_over(socket, [bytes]).await
}

/// The same, each of these pieces written by itself.
///
/// # Panics
/// If it does not answer and close.
pub async fn exchange_pieces<B: AsRef<[u8]>>(
    address: SocketAddr,
    pieces: impl IntoIterator<Item = B>,
) -> String {
    let socket = connect(address, &[]).await.expect("the host accepts connections");
    exchange_over(socket, pieces).await
}

/// The same, over a socket on which something was said before.
///
/// # Panics
/// If the host does not answer and close.
pub async fn exchange_over<B: AsRef<[u8]>>(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    pieces: impl IntoIterator<Item = B>,
) -> String {
    for piece in pieces {
        // The host may have answered and closed before it has read all.
        let _ = socket.write_all(piece.as_ref()).await;
    }
    let mut answer = Vec::new();
    // A host that closes what it has not read to its end resets it.
    let _ = patiently("the end of an answer", socket.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}
