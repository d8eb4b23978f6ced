//! What the internal listener tells.

use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use wshost_tests::{Host, Mode, Signal};

/// A plugin's, with a label more.
const TEXT_RECEIVED: &[&str] = &[r#"direction="received""#, r#"kind="text""#];

#[tokio::test]
async fn a_hosts_life() {
    let mut host = Host::of("scripted").start().await;
    assert!(host.internal("/healthz").await.starts_with("HTTP/1.1 200 "));
    assert!(host.internal("/readyz").await.starts_with("HTTP/1.1 200 "));
    assert!(host.internal("/else").await.starts_with("HTTP/1.1 404 "));
    // One who does not answer its Close keeps the host from going down at once.
    let mut raw = Mode::HTTP1.ask(&host).open_raw().await;
    raw.say("count").await;
    assert_eq!(raw.text().await, "count 1");
    host.signal(Signal::TERM);
    assert!(raw.close_frame().await.is_some());
    assert!(host.internal("/readyz").await.starts_with("HTTP/1.1 503 "));
    assert!(host.internal("/healthz").await.starts_with("HTTP/1.1 200 "));
    drop(raw);
    assert!(host.end().await.success());
}

#[tokio::test]
async fn what_happens_is_counted() {
    let host = Host::of("scripted").start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    assert_eq!(client.ask("count").await, "count 1");
    assert_eq!(host.metric("wshost_connections", &[]).await, 1);
    client.close(Some((4321, ""))).await;
    client.finish().await;
    Mode::HTTP1.ask(&host).init("respond:404:no").refused().await;
    Mode::HTTP1.ask(&host).init("refuse").refused().await;
    let mut failing = Mode::HTTP1.ask(&host).open().await;
    failing.say("trap").await;
    failing.closed_with(1011).await;
    host.metric_reaches("wshost_websockets_closed_total", &[r#"side="host",code="1011""#], 1).await;
    for (name, labels, value) in [
        ("wshost_connections", &[][..], 0),
        ("wshost_sockets_accepted_total", &[], 4),
        ("wshost_websockets_opened_total", &[], 2),
        ("wshost_requests_total", &[r#"result="accepted""#], 2),
        ("wshost_requests_total", &[r#"result="answered""#], 1),
        ("wshost_requests_total", &[r#"result="refused""#], 1),
        ("wshost_websockets_closed_total", &[r#"side="peer",code="4xxx""#], 1),
        ("wshost_messages_total", TEXT_RECEIVED, 2),
        ("wshost_message_bytes_total", TEXT_RECEIVED, 9),
        ("wshost_messages_total", &[r#"direction="sent",kind="text""#], 1),
        ("wshost_callback_seconds_count", &[r#"callback="frames""#], 1),
        ("wshost_handler_failures_total", &[r#"reason="trap""#], 1),
    ] {
        assert_eq!(host.metric(name, labels).await, value, "{name} {labels:?}");
    }
}

#[tokio::test]
async fn who_sleeps_and_wakes_is_counted() {
    let host = Host::of("scripted").start().await;
    let mut client = Mode::HTTP1_HIBERNATING.ask(&host).open().await;
    for count in 1..=3 {
        assert_eq!(client.ask("count").await, format!("count {count}"));
        host.metric_reaches("wshost_hibernations_total", &[], count + 1).await;
        host.metric_reaches("wshost_wake_seconds_count", &[], count).await;
        host.metric_reaches("wshost_snapshots_in_memory", &[], 1).await;
    }
}

#[tokio::test]
async fn a_scraper_that_hangs_disturbs_nobody() {
    let host = Host::of("scripted").start().await;
    let address = host.internal_address().await;
    let mut hanging = Vec::new();
    for _ in 0..20 {
        let mut socket = TcpStream::connect(address).await.expect("it listens");
        socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: h").await.expect("it reads");
        hanging.push(socket);
    }
    assert_eq!(Mode::HTTP1.ask(&host).open().await.ask("count").await, "count 1");
    // They have their time, and no more.
    assert!(host.internal("/healthz").await.starts_with("HTTP/1.1 200 "));
}
