//! WebSockets over TLS: what is agreed on, what is refused, and certificates
//! that change while connections are open.

use wshost_tests::{
    BINARY, CLOSE, Frame, Host, Http2, Identity, Mode, TEXT, close_payload, each_mode, exchange,
    exchange_over, pattern,
    rustls::{
        SupportedProtocolVersion,
        version::{TLS12, TLS13},
    },
};

each_mode![a_websocket_goes_over_tls, what_is_refused_is_told];

/// A host, and its certificate, whose files must stay.
async fn host(settings: &[&str]) -> (Host, Identity) {
    let identity = Identity::new();
    (Host::of("scripted").tls(&identity).set_all(settings).start().await, identity)
}

fn request(host: &Host, more: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n",
        host.address()
    )
}

/// Messages of all sizes, a Close, and TLS's own end behind it: without that the
/// client would see a connection that was cut.
async fn a_websocket_goes_over_tls(mode: Mode) {
    let (host, _identity) = host(&[]).await;
    let mut client = mode.ask(&host).opened("text:hello").open().await;
    assert_eq!(client.text().await, "hello");
    for len in [0, 1, 125, 126, 16_384, 65_536, 999_999] {
        client.send(pattern(len).into()).await;
        assert!(client.binary().await == pattern(len), "{len} bytes came back otherwise");
    }
    client.say("bytes:5000000;close:4000:enough").await;
    assert!(client.binary().await == pattern(5_000_000));
    assert_eq!(client.closed().await, Some((4000, "enough".to_owned())));
}

async fn what_is_refused_is_told(mode: Mode) {
    let (host, _identity) = host(&[]).await;
    let response = mode.ask(&host).init("respond:418:tea").refused().await;
    assert_eq!((response.status, response.text()), (418, "tea".to_owned()));
    let mut raw = mode.ask(&host).init("max:10").open_raw().await;
    raw.write(Frame::new(BINARY, "").header(11)).await;
    raw.closed_with(1009).await;
    let mut raw = mode.ask(&host).open_raw().await;
    raw.send(&[Frame::new(TEXT, "not masked").unmasked()]).await;
    raw.closed_with(1002).await;
}

#[tokio::test]
async fn the_handler_is_told_what_was_agreed_on() {
    const TLS: [(&[&SupportedProtocolVersion], &str); 2] =
        [(&[&TLS12], "TLSv1.2"), (&[&TLS13], "TLSv1.3")];
    let (host, identity) = host(&[]).await;
    for (versions, version) in TLS {
        for (mode, alpn) in [(Mode::HTTP1, "http/1.1"), (Mode::HTTP2, "h2")] {
            let ask = mode.ask(&host).trust(identity.trust().versions(versions));
            let report = ask.open().await.ask("request").await;
            let facts = format!("\ntls={version} {alpn} localhost\n");
            assert!(report.contains(&facts) && report.contains("\nscheme=https\n"), "{report}");
            let authority = format!("\nauthority={}\n", host.address());
            assert!(report.contains(&authority), "{report}");
        }
    }
}

#[tokio::test]
async fn websockets_share_a_connection() {
    let (host, _identity) = host(&[]).await;
    let http = Http2::to(&host).await;
    let ask = Mode::HTTP2.ask(&host);
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(http.open(&ask).await);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(pattern(100_000 + number).into()).await;
    }
    for (number, client) in clients.iter_mut().enumerate() {
        assert!(client.binary().await == pattern(100_000 + number));
    }
}

#[tokio::test]
async fn without_alpn_http1_is_spoken() {
    let (host, identity) = host(&[]).await;
    let stream = identity.trust().connect(host.address(), &[]).await.expect("the host agrees");
    let closes = Frame::new(CLOSE, close_payload(1000, "")).encode();
    let bytes = [request(&host, "x-opened: request\r\n").as_bytes(), &closes].concat();
    let answer = exchange_over(stream, [bytes]).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("\ntls=TLSv1.3 - localhost\n"), "{answer}");
}

#[tokio::test]
async fn a_protocol_that_is_not_spoken_is_refused() {
    let (host, identity) = host(&[]).await;
    let refused = identity.trust().connect(host.address(), &["imap"]).await;
    assert!(refused.is_err(), "the host speaks IMAP");
    host.log().line_with(&["DEBUG", "TLS handshake failed"]).await;
}

/// Over TLS too, a client may speak before it has read the 101.
#[tokio::test]
async fn what_came_with_the_request_is_not_lost() {
    let (host, identity) = host(&[]).await;
    let stream = identity.trust().connect(host.address(), &["http/1.1"]).await;
    let frames = [Frame::new(TEXT, "early"), Frame::new(CLOSE, close_payload(1000, ""))];
    let mut bytes = request(&host, "x-opened: text:hello\r\n").into_bytes();
    bytes.extend(frames.iter().flat_map(Frame::encode));
    let answer = exchange_over(stream.expect("the host agrees"), [bytes]).await;
    assert!(answer.contains("\r\n\r\n\u{fffd}\u{5}hello\u{fffd}\u{5}early"), "{answer:?}");
}

#[tokio::test]
async fn what_is_no_tls_gets_no_http() {
    let (host, _identity) = host(&[]).await;
    for bytes in [request(&host, "").as_bytes(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0; 100]] {
        let answer = exchange(host.address(), bytes).await;
        assert!(!answer.contains("HTTP"), "{answer}");
    }
    assert_eq!(Mode::HTTP1.ask(&host).open().await.ask("count").await, "count 1");
    assert_eq!(host.log().lines_with(&["WARN"]), [""; 0]);
}

#[tokio::test]
async fn a_handshake_that_never_ends() {
    let (host, _identity) = host(&["handshake_timeout_ms=300"]).await;
    for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        assert_eq!(exchange(host.address(), begun).await, "");
    }
    host.log().line_with(&["DEBUG", "no TLS handshake in time"]).await;
}

/// It is ended as TLS wants it, or the client could not tell that all has come.
#[tokio::test]
async fn a_connection_that_asks_for_nothing_more() {
    let (host, identity) = host(&["handshake_timeout_ms=300"]).await;
    let stream = identity.trust().connect(host.address(), &["http/1.1"]).await;
    let request = "GET / HTTP/1.1\r\nHost: here\r\nx-init: respond:200:fine\r\n\r\n";
    let answer = exchange_over(stream.expect("the host agrees"), [request]).await;
    assert!(answer.ends_with("\r\n\r\nfine"), "{answer}");
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections() {
    let (host, mut identity) = host(&[]).await;
    let before = identity.trust();
    let mut clients = Vec::new();
    for mode in [Mode::HTTP1, Mode::HTTP2] {
        clients.push(mode.ask(&host).open().await);
    }
    identity.replace();
    host.log().line_with(&["INFO", "certificate taken from"]).await;
    for mode in [Mode::HTTP1, Mode::HTTP2] {
        let mut new = mode.ask(&host).trust(identity.trust()).open().await;
        assert_eq!(new.ask("count").await, "count 1");
        let old = mode.ask(&host).trust(before.clone()).try_open().await;
        assert!(old.is_none(), "a new connection has the old certificate");
    }
    for client in &mut clients {
        assert_eq!(client.ask("count").await, "count 1");
    }
}

#[tokio::test]
async fn a_certificate_that_is_none_changes_nothing() {
    let (host, mut identity) = host(&[]).await;
    identity.spoil();
    let why = "no certificate stands in";
    host.log().line_with(&["WARN", "the certificate stays as it was", why]).await;
    let mut client = Mode::HTTP1.ask(&host).trust(identity.trust()).open().await;
    assert_eq!(client.ask("count").await, "count 1");
    // Once it is mended, it is taken after all.
    identity.replace();
    host.log().line_with(&["INFO", "certificate taken from"]).await;
    assert_eq!(client.ask("count").await, "count 2");
    let mut new = Mode::HTTP1.ask(&host).trust(identity.trust()).open().await;
    assert_eq!(new.ask("count").await, "count 1");
}
