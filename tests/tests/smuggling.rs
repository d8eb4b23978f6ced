//! HTTP/1 that two readers may read differently. Each request here is followed by
//! a second one: it is answered only where nobody can doubt that it is one.

use wshost_tests::{CLOSE, Frame, Host, TEXT, close_payload, exchange};

const HOST: &str = "Host: here\r\nx-init: respond:200:fine\r\n";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const SECOND: &str = "GET /second HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\
                      x-init: respond:201:second\r\n\r\n";

/// The statuses of what comes back, in order.
async fn statuses(host: &Host, bytes: &[u8]) -> Vec<u16> {
    let answer = exchange(host.address(), bytes).await;
    let status = |part: &str| part.get(..3).and_then(|digits| digits.parse().ok());
    answer.split("HTTP/1.1 ").skip(1).filter_map(status).collect()
}

/// What a POST of these fields and this body is answered with, and the second
/// request behind it.
async fn post(host: &Host, fields: &str, body: &str) -> Vec<u16> {
    let request = format!("POST / HTTP/1.1\r\n{HOST}{fields}\r\n{body}{SECOND}");
    statuses(host, request.as_bytes()).await
}

#[tokio::test]
async fn a_body_has_one_length() {
    let host = Host::shared().await;
    assert_eq!(post(&host, "Content-Length: 5\r\n", "hello").await, [200, 201]);
    let same = "Content-Length: 5\r\nContent-Length: 5\r\n";
    assert_eq!(post(&host, same, "hello").await, [200, 201]);
    for fields in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n",
        "Content-Length: \r\n",
        "Content-Length: 99999999999999999999999\r\n",
    ] {
        assert_eq!(post(&host, fields, "hello").await, [400], "{fields:?}");
    }
}

/// With a length beside it the coding counts, and the connection ends (RFC 9112, 6.3).
#[tokio::test]
async fn a_coding_is_chunked_alone() {
    let host = Host::shared().await;
    let body = "0\r\n\r\n";
    assert_eq!(post(&host, "Transfer-Encoding: chunked\r\n", body).await, [200, 201]);
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ] {
        assert_eq!(post(&host, fields, body).await, [200], "{fields:?}");
    }
    for fields in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
    ] {
        assert_eq!(post(&host, fields, body).await, [400], "{fields:?}");
    }
    let http10 = format!("POST / HTTP/1.0\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n{SECOND}");
    assert!(!statuses(&host, http10.as_bytes()).await.contains(&201));
}

/// Nobody waits for the body; what comes behind one that is broken is not read.
#[tokio::test]
async fn behind_a_broken_chunk_nothing_is_read() {
    let host = Host::shared().await;
    for body in [
        "5x\r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloxx0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    ] {
        let statuses = post(&host, "Transfer-Encoding: chunked\r\n", body).await;
        assert!(!statuses.contains(&201), "{body:?}: {statuses:?}");
    }
}

#[tokio::test]
async fn a_field_is_one_line_of_a_name_and_a_value() {
    let host = Host::shared().await;
    for field in [
        "x-a: b\r\n c\r\n",
        "x-a : b\r\n",
        ": b\r\n",
        "x-a: b\rx-c: d\r\n",
        "x-a: b\0c\r\n",
        "x\0a: b\r\n",
        "x-a\r\n",
    ] {
        let request = format!("GET / HTTP/1.1\r\n{HOST}{field}\r\n{SECOND}");
        assert_eq!(statuses(&host, request.as_bytes()).await, [400], "{field:?}");
    }
}

/// As RFC 9112, 2.2 allows, a line of the head may end in a line feed alone: the
/// field that it could hide is a field.
#[tokio::test]
async fn a_line_feed_ends_a_line() {
    let host = Host::shared().await;
    let request =
        format!("POST / HTTP/1.1\r\n{HOST}x-a: b\nContent-Length: 5\r\n\r\nhello{SECOND}");
    assert_eq!(statuses(&host, request.as_bytes()).await, [200, 201]);
    let request =
        format!("POST / HTTP/1.1\r\n{HOST}x-a: b\nContent-Length : 5\r\n\r\nhello{SECOND}");
    assert_eq!(statuses(&host, request.as_bytes()).await, [400]);
}

#[tokio::test]
async fn a_request_is_for_one_host() {
    let host = Host::shared().await;
    let init = "x-init: respond:200:fine\r\n";
    for hosts in ["", "Host: a\r\nHost: a\r\n", "Host: a b\r\n", "Host: a@b\r\n", "Host: a/b\r\n"] {
        let request = format!("GET / HTTP/1.1\r\n{hosts}{init}\r\n{SECOND}");
        assert_eq!(statuses(&host, request.as_bytes()).await, [400], "{hosts:?}");
    }
    let old = format!("GET / HTTP/1.0\r\n{init}\r\n");
    let answer = exchange(host.address(), old).await;
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
}

#[tokio::test]
async fn a_target_is_a_path_or_a_uri() {
    let host = Host::shared().await;
    for target in ["*", "here:80", "path", " /", "/ /"] {
        let request = format!("GET {target} HTTP/1.1\r\n{HOST}\r\n{SECOND}");
        assert_eq!(statuses(&host, request.as_bytes()).await, [400], "{target:?}");
    }
    // The host that stands in it counts (RFC 9112, 3.2.2).
    let head = format!("GET http://there:81/path?q HTTP/1.1\r\nHost: here\r\n{UPGRADE}\r\n");
    let answer = exchange(host.address(), with_frames(&head)).await;
    for line in ["\nauthority=there:81\n", "\npath=/path\n", "\nquery=q\n"] {
        assert!(answer.contains(line), "{answer}");
    }
}

/// With a message that asks for the request, and a Close, right behind the head.
fn with_frames(head: &str) -> Vec<u8> {
    let frames = [Frame::new(TEXT, "request"), Frame::new(CLOSE, close_payload(1000, ""))];
    frames.iter().fold(head.into(), |bytes, frame| [bytes, frame.encode()].concat())
}

/// What follows the head of a handshake is frames; of one that has a body it is
/// the body, and no WebSocket is made.
#[tokio::test]
async fn what_follows_a_handshake_is_frames_or_a_body() {
    let host = Host::shared().await;
    let handshake = format!("GET / HTTP/1.1\r\nHost: here\r\n{UPGRADE}");
    for fields in ["", "Content-Length: 0\r\n"] {
        let bytes = with_frames(&format!("{handshake}{fields}\r\n"));
        let answer = exchange(host.address(), bytes).await;
        assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains("path=/\n"), "{answer}");
    }
    let hidden = format!("{handshake}Content-Length: {}\r\n\r\n{SECOND}{SECOND}", SECOND.len());
    assert_eq!(statuses(&host, hidden.as_bytes()).await, [400, 201]);
    let body = format!("{:x}\r\n{SECOND}\r\n0\r\n\r\n", SECOND.len());
    let hidden = format!("{handshake}Transfer-Encoding: chunked\r\n\r\n{body}{SECOND}");
    assert_eq!(statuses(&host, hidden.as_bytes()).await, [400, 201]);
}

/// A request behind a handshake is no request: it is a frame, and a wrong one.
/// Behind one that is refused it is one.
#[tokio::test]
async fn a_request_behind_a_handshake_is_no_request() {
    let host = Host::shared().await;
    let handshake = format!("GET / HTTP/1.1\r\nHost: here\r\n{UPGRADE}");
    assert_eq!(statuses(&host, format!("{handshake}\r\n{SECOND}").as_bytes()).await, [101]);
    let refused = format!("{handshake}x-init: refuse\r\n\r\n{SECOND}");
    assert_eq!(statuses(&host, refused.as_bytes()).await, [400, 201]);
}

#[tokio::test]
async fn http_1_0_does_not_upgrade() {
    let host = Host::shared().await;
    let head = format!("GET / HTTP/1.0\r\nHost: here\r\n{UPGRADE}\r\n");
    let answer = exchange(host.address(), with_frames(&head)).await;
    assert!(answer.starts_with("HTTP/1.0 400 "), "{answer}");
}
