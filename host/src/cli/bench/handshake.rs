//! From an address to an open WebSocket.

use std::{
    net::{SocketAddr, ToSocketAddrs as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{client::Resumption, pki_types::ServerName},
};
use tokio_tungstenite::tungstenite::{
    handshake::{client::generate_key, derive_accept_key},
    http::Uri,
};

use super::{
    super::tls,
    socket::{Socket, Stream},
};

/// How long a server may take for one handshake.
const PATIENCE: Duration = Duration::from_secs(30);
const HEAD_MAX_BYTES: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;

/// Where to connect to, and what to ask for.
#[derive(Clone)]
pub(super) struct Target {
    /// The server's host and port, as they were given.
    server: String,
    /// Tried in turn.
    addresses: Vec<SocketAddr>,
    tls: Option<Tls>,
    /// The request, up to the value of the key, which comes last.
    request: String,
}

/// How TLS is made.
#[derive(Clone)]
struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Target {
    /// Looks the server up. Authorities are for wss://, besides the system's.
    pub(super) fn new(url: &str, headers: &[String], authorities: Option<&Path>) -> Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("`{url}` is no address"))?;
        let host = uri.host().with_context(|| format!("`{url}` names no host"))?;
        let host = host.trim_matches(['[', ']']);
        let (tls, usual_port) = match uri.scheme_str() {
            Some("ws") => (None, 80),
            Some("wss") => (Some(Tls::new(host, authorities)?), 443),
            _ => bail!("`{url}` is no address like ws://127.0.0.1:8080/"),
        };
        let port = uri.port_u16().unwrap_or(usual_port);
        let addresses: Vec<_> =
            (host, port).to_socket_addrs().with_context(|| format!("can't find {host}"))?.collect();
        let server = format!("{}:{port}", uri.host().unwrap_or_default());
        Ok(Self { server, addresses, tls, request: request(&uri, headers)? })
    }

    /// Connects, and has the connection made a WebSocket.
    pub(super) async fn open(&self) -> Result<Socket> {
        let opened = timeout(PATIENCE, async { self.shake_hands(self.connect().await?).await });
        match opened.await {
            Ok(opened) => opened,
            Err(_) => bail!("{} did not answer within {} s", self.server, PATIENCE.as_secs()),
        }
    }

    async fn connect(&self) -> Result<Stream> {
        let connected = TcpStream::connect(&self.addresses[..]).await;
        let stream = connected.with_context(|| format!("can't connect to {}", self.server))?;
        stream.set_nodelay(true)?;
        Ok(match &self.tls {
            None => Stream::Plain(stream),
            Some(tls) => Stream::Rustls(tls.connect(stream).await?),
        })
    }

    async fn shake_hands(&self, mut stream: Stream) -> Result<Socket> {
        let key = generate_key();
        stream.write_all(format!("{}{key}\r\n\r\n", self.request).as_bytes()).await?;
        stream.flush().await?;
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

impl Tls {
    fn new(host: &str, authorities: Option<&Path>) -> Result<Self> {
        let mut config = tls::client_config(authorities)?;
        // So that every set-up is the same work.
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from(host.to_owned())
            .with_context(|| format!("`{host}` is no name that a certificate can have"))?;
        Ok(Self { connector: Arc::new(config).into(), name })
    }

    async fn connect(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await.context("TLS failed")
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
