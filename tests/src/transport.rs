//! From a request to a stream of bytes that carries a WebSocket: the only place
//! that knows the versions of HTTP.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::{HeaderMap, Request, StatusCode, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use crate::{Ask, Transport, patiently};

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

    async fn read(response: hyper::Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let body = patiently("a response's body", body.collect()).await;
        let body = body.expect("the response's body comes to its end").to_bytes();
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

/// Asks for a WebSocket; else returns the response that came instead.
pub(crate) async fn open(ask: &Ask) -> Result<(Response, Stream), Response> {
    match ask.mode.transport {
        Transport::Http1 => patiently("the answer to a handshake", open_http1(ask)).await,
    }
}

async fn open_http1(ask: &Ask) -> Result<(Response, Stream), Response> {
    let socket = connect(ask.address).await;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(socket)).await.expect("hyper's client starts");
    tokio::spawn(connection.with_upgrades());
    let key = generate_key();
    let mut request = Request::get(&ask.target)
        .header("host", ask.address.to_string())
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", &key);
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    let request = request.body(Empty::<Bytes>::new()).expect("the request is valid");
    let mut response = sender.send_request(request).await.expect("the host answers");
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(Response::read(response).await);
    }
    let upgraded = hyper::upgrade::on(&mut response).await.expect("the socket is handed over");
    let headers = response.headers().clone();
    let response = Response { status: response.status().as_u16(), headers, body: Bytes::new() };
    assert_eq!(response.header("sec-websocket-accept"), derive_accept_key(key.as_bytes()));
    assert_eq!(response.header("upgrade"), "websocket");
    assert_eq!(response.header("connection"), "upgrade");
    Ok((response, Box::new(TokioIo::new(upgraded))))
}

pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    let socket = patiently("a TCP connection", TcpStream::connect(address)).await;
    let socket = socket.expect("the host accepts connections");
    socket.set_nodelay(true).expect("a TCP socket has no delay");
    socket
}

/// Writes these bytes to a socket of its own, and reads what the host answers
/// until it closes the socket.
///
/// # Panics
/// If it does not answer and close.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut socket = connect(address).await;
    // The host may have answered and closed before it has read all.
    let _ = socket.write_all(bytes.as_ref()).await;
    let mut answer = Vec::new();
    let read = patiently("the end of an answer", socket.read_to_end(&mut answer)).await;
    read.expect("the answer can be read");
    String::from_utf8_lossy(&answer).into_owned()
}
