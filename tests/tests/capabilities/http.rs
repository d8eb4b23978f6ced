//! HTTP requests.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::{asleep, granted};
use wshost_tests::{Host, Mode, patiently};

/// Serves until the test ends. What it answers is decided by the path.
async fn serve() -> SocketAddr {
    serve_telling().await.0
}

/// Serves, and tells of each request that it does not answer.
async fn serve_telling() -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let (tell, told) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_all(stream, tell.clone()));
        }
    });
    (address, told)
}

/// The first byte of a connection over TLS, which this server does not speak.
const TLS_HANDSHAKE: u8 = 0x16;

/// Answers requests until the peer goes.
async fn answer_all(mut stream: TcpStream, tell: mpsc::UnboundedSender<()>) -> std::io::Result<()> {
    let mut received = Vec::new();
    loop {
        while !received.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
            if received[0] == TLS_HANDSHAKE {
                return stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        }
        let head = String::from_utf8_lossy(&received).into_owned();
        received.clear();
        let path = head.split(' ').nth(1).unwrap_or_default();
        match path {
            "/hello" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await?;
            }
            "/to" => {
                let to = "HTTP/1.1 302 Found\r\nlocation: http://other.invalid/\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(to.as_bytes()).await?;
            }
            "/cut" => {
                return stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe").await;
            }
            "/bad" => return stream.write_all(b"no HTTP\r\n\r\n").await,
            // Most tests don't listen.
            "/silent" => _ = tell.send(()),
            "/halting" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe").await?;
            }
            path => {
                let len: usize = path.trim_start_matches('/').parse().unwrap_or_default();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {len}\r\n\r\n");
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&vec![b'x'; len]).await?;
            }
        }
    }
}

/// A host that is granted this server, with these settings.
async fn host_of(server: SocketAddr, settings: &[&str]) -> Host {
    granted(&["--http", &server.to_string()]).set_all(settings).start().await
}

#[tokio::test]
async fn a_host_that_is_granted_is_reached_and_who_asked_sleeps() {
    let server = serve().await;
    let host = host_of(server, &[]).await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    for times in 1..=3 {
        assert_eq!(client.ask(format!("fetch http://{server}/hello")).await, "200 hello");
        let large = client.ask(format!("fetch http://{server}/1000000")).await;
        assert_eq!(large, "200 and 1000000 bytes");
        assert_eq!(client.ask("count").await, times.to_string());
        asleep(&host, 3 * times).await;
    }
    // A redirect is an answer like others.
    assert_eq!(client.ask(format!("fetch http://{server}/to")).await, "302 ");
}

#[tokio::test]
async fn a_host_that_is_not_granted_is_denied() {
    let (server, other) = (serve().await, serve().await);
    let host = host_of(server, &[]).await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    for url in [
        format!("http://{other}/hello"),
        format!("http://localhost:{}/hello", server.port()),
        "http://127.0.0.1/hello".to_owned(),
        format!("http://{server}@{other}/hello"),
        format!("http://user@{server}/hello"),
        "http://unreachable.invalid:8080/".to_owned(),
    ] {
        let answer = client.ask(format!("fetch {url}")).await;
        assert!(answer.starts_with("failed: ErrorCode::HttpRe"), "{url}: {answer}");
        assert!(!answer.contains("ErrorCode::HttpResponse"), "{url}: {answer}");
    }
    let line = host.log().line_with(&["a host that is not granted", "plugin=granted"]).await;
    assert!(line.contains(&format!("http = [\"{other}\"]")), "{line}");
    assert_eq!(client.ask(format!("fetch http://{server}/hello")).await, "200 hello");
}

#[tokio::test]
async fn a_request_has_a_time() {
    let server = serve().await;
    let host = host_of(server, &["http_timeout_ms=200"]).await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    for (path, error) in [("silent", "HttpResponseTimeout"), ("halting", "HTTP response timeout")] {
        let answer = client.ask(format!("fetch http://{server}/{path}")).await;
        assert!(answer.starts_with("failed: ") && answer.contains(error), "{path}: {answer}");
    }
    assert_eq!(client.ask(format!("fetch http://{server}/hello")).await, "200 hello");
}

#[tokio::test]
async fn a_response_has_a_size() {
    let server = serve().await;
    let host = host_of(server, &["http_response_max_bytes=1000"]).await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    let answer = client.ask(format!("fetch http://{server}/1001")).await;
    assert!(answer.contains("HTTP response body size exceeds limit: 1000"), "{answer}");
    assert_eq!(client.ask(format!("fetch http://{server}/1000")).await, "200 and 1000 bytes");
}

#[tokio::test]
async fn requests_under_way_are_counted() {
    let (server, mut silent) = serve_telling().await;
    let host = host_of(server, &["http_requests_max=1", "http_timeout_ms=2000"]).await;
    let mut waiting = Mode::HTTP1.ask(&host).open().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    waiting.say(format!("fetch http://{server}/silent")).await;
    patiently("the request", silent.recv()).await;
    let answer = client.ask(format!("fetch http://{server}/hello")).await;
    assert_eq!(answer, "failed: ErrorCode::ConnectionLimitReached");
    host.log().line_with(&["a limit was hit", "http_requests_max"]).await;
    assert_eq!(waiting.text().await, "failed: ErrorCode::HttpResponseTimeout");
    assert_eq!(client.ask(format!("fetch http://{server}/hello")).await, "200 hello");
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let server = serve().await;
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listener.local_addr().expect("an address")
    };
    let host = granted(&["--http", &server.to_string(), "--http", &gone.to_string()]);
    let host = host.start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    for (url, error) in [
        (format!("http://{gone}/"), "ConnectionRefused"),
        (format!("http://{server}/bad"), "HttpProtocolError"),
        (format!("http://{server}/cut"), "InternalError(Some(\"hyper error: error reading a body"),
        (format!("https://{server}/hello"), "TlsProtocolError"),
    ] {
        let answer = client.ask(format!("fetch {url}")).await;
        assert!(answer.starts_with(&format!("failed: ErrorCode::{error}")), "{url}: {answer}");
    }
}
