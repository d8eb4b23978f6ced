//! Peers that don't speak HTTP, or not to its end.

use wshost_tests::{Host, Mode, exchange};

/// The status in what came back; none where nothing came.
fn status(answer: &str) -> Option<&str> {
    answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split_whitespace().next())
}

async fn goes_on(host: &Host) {
    assert_eq!(Mode::HTTP1.ask(host).open().await.ask("count").await, "count 1");
    assert_eq!(host.log().lines_with(&["panicked"]), [""; 0]);
    assert_eq!(host.log().lines_with(&["WARN"]), [""; 0]);
}

#[tokio::test]
async fn what_is_no_http() {
    let host = Host::of("scripted").start().await;
    for bytes in [
        &b"hello\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 is how TLS begins",
        &[0; 100],
        &[0xff; 100],
        b"GET /\r\n\r\n",
        b"GET / HTTP/3.0\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nand then no frames, but text",
    ] {
        let answer = exchange(host.address(), bytes).await;
        let wrong = status(&answer).is_none_or(|status| status == "400" || status == "505");
        assert!(wrong, "{:?}: {answer}", String::from_utf8_lossy(bytes));
    }
    goes_on(&host).await;
}

#[tokio::test]
async fn a_head_that_never_ends() {
    let host = Host::of("scripted").set("handshake_timeout_ms=300").start().await;
    for begun in ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: here\r\nx-a: "] {
        let answer = exchange(host.address(), begun).await;
        assert!(status(&answer).is_none_or(|status| status == "408"), "{begun:?}: {answer}");
    }
    goes_on(&host).await;
}

#[tokio::test]
async fn a_socket_that_asks_for_nothing_more() {
    let host = Host::of("scripted").set("handshake_timeout_ms=300").start().await;
    let request = "GET / HTTP/1.1\r\nHost: here\r\nx-init: respond:200:fine\r\n\r\n";
    let answer = exchange(host.address(), request).await;
    assert!(answer.ends_with("\r\n\r\nfine"), "{answer}");
    goes_on(&host).await;
}

#[tokio::test]
async fn a_head_that_is_too_large() {
    let host = Host::of("scripted").set("headers_max=20").start().await;
    let large = format!("GET / HTTP/1.1\r\nHost: here\r\nx-a: {}\r\n\r\n", "x".repeat(100_000));
    assert_eq!(status(&exchange(host.address(), large).await), Some("431"));
    let path = format!("GET /{} HTTP/1.1\r\nHost: here\r\n\r\n", "x".repeat(100_000));
    let answer = exchange(host.address(), path).await;
    assert!(matches!(status(&answer), Some("414" | "431")), "{answer}");
    let many: String = (0..30).map(|number| format!("x-{number}: x\r\n")).collect();
    let many = format!("GET / HTTP/1.1\r\nHost: here\r\n{many}\r\n");
    assert_eq!(status(&exchange(host.address(), many).await), Some("431"));
    goes_on(&host).await;
}

/// Whatever `init` answers, a body that it does not ask for is not waited for.
#[tokio::test]
async fn a_body_that_nobody_reads() {
    let host = Host::of("scripted").start().await;
    let request = "POST / HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: 5\r\n\
                   x-init: respond:200:fine\r\n\r\nhello";
    let answer = exchange(host.address(), request).await;
    assert!(answer.ends_with("\r\n\r\nfine"), "{answer}");
    goes_on(&host).await;
}
