//! Behind a load balancer that speaks the PROXY protocol.

use wshost_tests::{Host, HostBuilder, Mode, each_transport, exchange, exchange_pieces};

each_transport![
    the_client_is_who_the_header_names,
    without_a_name_the_client_is_the_load_balancer,
    a_proxy_before_the_load_balancer_is_believed_too,
    a_stranger_sends_none,
];

const V1: &[u8] = b"PROXY TCP4 198.51.100.7 127.0.0.1 4660 80\r\n";
const V2_PREFIX: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\
                       x-init: respond:200:fine\r\n\r\n";

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("a header is short").to_be_bytes();
    [V2_PREFIX, &[command, family], &length, rest].concat()
}

/// A load balancer of version 2 with two TLVs, the first of them without a value.
fn v2_with_tlvs() -> Vec<u8> {
    v2(0x21, 0x11, b"\xc6\x33\x64\x07\x7f\0\0\x01\x12\x34\0\x50\x04\0\0\xea\0\x02ab")
}

fn behind(proxies: &str) -> HostBuilder {
    let host = Host::of("scripted").argument("--proxy-protocol");
    host.argument("--trust-proxy").argument(proxies)
}

async fn peer(mode: Mode, host: &Host, header: &[u8]) -> String {
    let report = mode.ask(host).preface(header).open().await.ask("request").await;
    let peer = report.lines().find_map(|line| line.strip_prefix("peer="));
    peer.unwrap_or_else(|| panic!("no peer in {report}")).to_owned()
}

async fn the_client_is_who_the_header_names(mode: Mode) {
    let host = behind("127.0.0.0/8").start().await;
    let v6 = [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7][..], &[0; 20]].concat();
    for (header, client) in [
        (V1, "198.51.100.7"),
        (b"PROXY TCP6 2001:db8::7 ::1 4660 80\r\n", "2001:db8::7"),
        (&v2_with_tlvs(), "198.51.100.7"),
        (&v2(0x21, 0x21, &v6), "2001:db8::7"),
    ] {
        assert_eq!(peer(mode, &host, header).await, client);
    }
    assert_eq!(host.log().lines_with(&["WARN"]), [""; 0]);
}

async fn without_a_name_the_client_is_the_load_balancer(mode: Mode) {
    let host = behind("127.0.0.1/32").start().await;
    for header in [
        &b"PROXY UNKNOWN\r\n"[..],
        &v2(0x20, 0, &[]),
        &v2(0x21, 0, &[]),
        &v2(0x21, 0x31, &[0; 216]),
    ] {
        assert_eq!(peer(mode, &host, header).await, "127.0.0.1");
    }
}

/// The header names a proxy; that one says by a header field for whom it asks.
async fn a_proxy_before_the_load_balancer_is_believed_too(mode: Mode) {
    let host = behind("127.0.0.1/32").argument("--trust-proxy").argument("198.51.100.0/24");
    let host = host.start().await;
    let ask = mode.ask(&host).header("x-forwarded-for", "203.0.113.9").preface(V1);
    let report = ask.open().await.ask("request").await;
    assert!(report.contains("\npeer=203.0.113.9\n"), "{report}");
    let ask = mode.ask(&host).header("x-forwarded-for", "203.0.113.9");
    let ask = ask.preface("PROXY TCP4 192.0.2.5 127.0.0.1 4660 80\r\n");
    let report = ask.open().await.ask("request").await;
    assert!(report.contains("\npeer=192.0.2.5\n"), "{report}");
}

async fn a_stranger_sends_none(mode: Mode) {
    let host = behind("192.0.2.0/24").start().await;
    assert_eq!(peer(mode, &host, b"").await, "127.0.0.1");
    let answer = exchange(host.address(), [V1, REQUEST.as_bytes()].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn a_header_comes_in_any_pieces() {
    let host = behind("127.0.0.1/32").start().await;
    for header in [V1.to_vec(), v2_with_tlvs(), v2(0x21, 0, &[0; 4080])] {
        let all = [&header, REQUEST.as_bytes()].concat();
        for answer in [
            exchange(host.address(), &all).await,
            exchange_pieces(host.address(), all.chunks(1)).await,
            exchange_pieces(host.address(), all.chunks(header.len() - 1)).await,
            exchange_pieces(host.address(), all.chunks(header.len())).await,
        ] {
            assert!(answer.ends_with("\r\n\r\nfine"), "{answer}");
        }
    }
}

#[tokio::test]
async fn what_is_no_header_closes_the_connection() {
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
    let large = v2(0x21, 0, &[0; 5000]);
    for (bytes, said) in [
        (REQUEST.as_bytes(), "does not begin with a PROXY header"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "does not begin with a PROXY header"),
        (b"PROXY TCP4 nowhere 127.0.0.1 1 2\r\n", "is malformed"),
        (b"PROXY TCP4 198.51.100.7 127.0.0.1 4660\r\n", "is malformed"),
        (&v2(0x21, 0x11, &[1, 2, 3]), "is malformed"),
        (long.as_bytes(), "longer than 107 bytes"),
        (&large, "longer than 4096 bytes"),
    ] {
        // Said once a second: each is told by a host of its own.
        let host = behind("127.0.0.1/32").start().await;
        assert_eq!(exchange(host.address(), bytes).await, "");
        host.log().line_with(&["WARN", "proxy=127.0.0.1:", said]).await;
        assert_eq!(peer(Mode::HTTP1, &host, V1).await, "198.51.100.7");
    }
}

#[tokio::test]
async fn a_header_that_never_ends() {
    let host = behind("127.0.0.1/32").set("handshake_timeout_ms=300").start().await;
    for begun in [&b""[..], b"P", &V1[..V1.len() - 1], V2_PREFIX, &v2_with_tlvs()[..30]] {
        assert_eq!(exchange(host.address(), begun).await, "");
    }
    host.log().line_with(&["no PROXY header in time"]).await;
    assert_eq!(peer(Mode::HTTP1, &host, V1).await, "198.51.100.7");
    assert_eq!(host.log().lines_with(&["WARN"]), [""; 0]);
}

/// So do those that see whether somebody listens.
#[tokio::test]
async fn a_connection_that_says_nothing_is_no_warning() {
    let host = behind("127.0.0.1/32").start().await;
    drop(tokio::net::TcpStream::connect(host.address()).await.expect("the host listens"));
    host.log().line_with(&["DEBUG", "ended before its PROXY header"]).await;
    assert_eq!(host.log().lines_with(&["WARN"]), [""; 0]);
}
