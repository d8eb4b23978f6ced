//! Too many connections: of the host, of a plugin, of a peer.

use wshost_tests::{Ask, Client, Host, Http2, Mode, Response, Transport, each_transport, exchange};

each_transport![a_host_has_so_many, a_plugin_has_so_many, a_client_has_so_many];

async fn is_limit(host: &Host, response: &Response, setting: &str) {
    assert_eq!(response.status, 503, "{response:?}");
    assert_eq!(response.header("retry-after"), "1");
    let label = format!("limit=\"{setting}\"");
    host.log().line_with(&["a limit was hit", setting]).await;
    assert!(host.metric("wshost_limits_hit_total", &[&label]).await > 0);
}

/// As many as there may be; the next is refused, until one of them goes.
async fn only(host: &Host, ask: &Ask, count: usize, setting: &str) {
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..count {
        clients.push(ask.clone().open().await);
    }
    is_limit(host, &ask.clone().refused().await, setting).await;
    // No handler was called for it.
    host.metric_reaches("wshost_requests_total", &[r#"result="limit""#], 1).await;
    assert_eq!(host.metric("wshost_connections", &[]).await, count as u64);
    let mut last = clients.pop().expect("there is one");
    last.close(None).await;
    last.finish().await;
    while ask.clone().try_open().await.is_none() {}
    for client in &mut clients {
        assert_eq!(client.ask("count").await, "count 1");
    }
}

async fn a_host_has_so_many(mode: Mode) {
    // Over HTTP/2 each has a socket of its own here, that counts too.
    let (max, count) = if mode.transport == Transport::Http1 { (3, 3) } else { (7, 3) };
    let host = Host::of("scripted").set(&format!("connections_max={max}")).start().await;
    only(&host, &mode.ask(&host), count, "connections_max").await;
}

async fn a_plugin_has_so_many(mode: Mode) {
    let host = Host::of("scripted").set("connections_max_per_plugin=3").start().await;
    only(&host, &mode.ask(&host), 3, "connections_max_per_plugin").await;
}

async fn a_client_has_so_many(mode: Mode) {
    let host = Host::of("scripted")
        .set("connections_max_per_peer=3")
        .argument("--trust-proxy")
        .argument("127.0.0.0/8")
        .start()
        .await;
    // One subscriber's network.
    let ask = mode.ask(&host).header("x-forwarded-for", "2001:db8::1");
    let same = mode.ask(&host).header("x-forwarded-for", "2001:db8::2:0:0:1");
    let other = mode.ask(&host).header("x-forwarded-for", "192.0.2.1");
    only(&host, &ask, 3, "connections_max_per_peer").await;
    host.metric_falls_to("wshost_connections", &[], 0).await;
    let _three = [ask.clone().open().await, ask.clone().open().await, same.open().await];
    is_limit(&host, &ask.refused().await, "connections_max_per_peer").await;
    assert_eq!(other.open().await.ask("count").await, "count 1");
}

/// Without a proxy the peer's own address counts, for sockets that are no WebSocket
/// too: one that has as many as it may is told so, one that has many more is not.
#[tokio::test]
async fn sockets_that_ask_for_nothing_count() {
    let host = Host::of("scripted").set("connections_max_per_peer=2").start().await;
    let connect = || tokio::net::TcpStream::connect(host.address());
    let mut sockets = Vec::new();
    for _ in 0..2 {
        sockets.push(connect().await.expect("the host accepts"));
    }
    is_limit(&host, &Mode::HTTP1.ask(&host).refused().await, "connections_max_per_peer").await;
    host.metric_falls_to("wshost_places_taken", &[], 2).await;
    for _ in 0..4 {
        sockets.push(connect().await.expect("the host accepts"));
    }
    host.metric_reaches("wshost_places_taken", &[], 6).await;
    assert_eq!(exchange(host.address(), "GET / HTTP/1.1\r\n").await, "");
    drop(sockets);
    while Mode::HTTP1.ask(&host).try_open().await.is_none() {}
}

/// Of one connection of HTTP/2 some streams are refused, and the others go on.
#[tokio::test]
async fn streams_count_beside_their_socket() {
    let host = Host::of("scripted").set("connections_max_per_peer=3").start().await;
    let http2 = Http2::to(&host).await;
    let ask = Mode::HTTP2.ask(&host);
    let (mut one, _two) = (http2.open(&ask).await, http2.open(&ask).await);
    is_limit(&host, &http2.refused(&ask).await, "connections_max_per_peer").await;
    assert_eq!(one.ask("count").await, "count 1");
}
