//! From an address to an open WebSocket.

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::tungstenite::{
    handshake::{client::generate_key, derive_accept_key},
    http::Uri,
};

use super::socket::Socket;

/// How long a server may take for one handshake.
const PATIENCE: Duration = Duration::from_secs(30);
const HEAD_MAX_BYTES: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;

/// Where to connect to, and what to ask for.
#[derive(Clone, Debug)]
pub(super) struct Target {
    address: SocketAddr,
    /// The request, up to the value of the key, which comes last.
    request: String,
}

impl Target {
    /// Looks the server up.
    pub(super) fn new(url: &str, headers: &[String]) -> Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("`{url}` is no address"))?;
        ensure!(uri.scheme_str() == Some("ws"), "`{url}` is no address like ws://127.0.0.1:8080/");
        let host = uri.host().with_context(|| format!("`{url}` names no host"))?;
        let port = uri.port_u16().unwrap_or(80);
        let mut addresses = (host.trim_matches(['[', ']']), port)
            .to_socket_addrs()
            .with_context(|| format!("can't find {host}"))?;
        let address = addresses.next().with_context(|| format!("{host} has no address"))?;
        Ok(Self { address, request: request(&uri, headers)? })
    }

    /// Connects, and has the connection made a WebSocket.
    pub(super) async fn open(&self) -> Result<Socket> {
        let opened = timeout(PATIENCE, async { self.shake_hands(self.connect().await?).await });
        match opened.await {
            Ok(opened) => opened,
            Err(_) => bail!("{} did not answer within {} s", self.address, PATIENCE.as_secs()),
        }
    }

    async fn connect(&self) -> Result<TcpStream> {
        let connected = TcpStream::connect(self.address).await;
        let stream = connected.with_context(|| format!("can't connect to {}", self.address))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn shake_hands(&self, mut stream: TcpStream) -> Result<Socket> {
        let key = generate_key();
        stream.write_all(format!("{}{key}\r\n\r\n", self.request).as_bytes()).await?;
        let mut read = Vec::with_capacity(512);
        let early = loop {
            let count = stream.read_buf(&mut read).await.context("the handshake failed")?;
            ensure!(count > 0, "the server is gone: the connection ended in the handshake");
            if let Some(head_len) = check(&read, &key)? {
                break read.split_off(head_len);
            }
            ensure!(read.len() < HEAD_MAX_BYTES, "the server's answer does not end");
        };
        Ok(Socket::new(stream, early))
    }
}

fn request(uri: &Uri, headers: &[String]) -> Result<String> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let mut request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\n"
    );
    for header in headers {
        let well_formed = header.contains(':') && !header.contains(['\r', '\n']);
        ensure!(well_formed, "the header `{header}` is not of the form NAME: VALUE");
        request += &format!("{header}\r\n");
    }
    request += "Sec-WebSocket-Key: ";
    Ok(request)
}

/// The length of the response's head; none: it is not all there.
fn check(read: &[u8], key: &str) -> Result<Option<usize>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(read).context("the server's answer is not HTTP")?;
    let httparse::Status::Complete(head_len) = parsed else { return Ok(None) };
    let code = response.code.unwrap_or_default();
    if code != 101 {
        let body = String::from_utf8_lossy(&read[head_len..]);
        bail!(
            "the server answered {code} {}: {}",
            response.reason.unwrap_or_default(),
            body.trim()
        );
    }
    let accept = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("sec-websocket-accept"));
    let expected = derive_accept_key(key.as_bytes());
    ensure!(
        accept.is_some_and(|accept| accept.value == expected.as_bytes()),
        "the server's answer has the wrong Sec-WebSocket-Accept"
    );
    Ok(Some(head_len))
}
