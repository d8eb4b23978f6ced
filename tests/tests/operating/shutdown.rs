//! Going down: all are told, and not all at once.

use wshost_tests::{Client, Host, Mode, Signal, raise_socket_limit};

/// So many that the pace, a thousand a second, leaves the others time.
const CONNECTIONS: usize = 2_000;

async fn crowd(host: &Host) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(Mode::HTTP1.ask(host).open().await);
    }
    // The host has taken each over, which it does once its response is sent.
    for client in &mut clients {
        assert_eq!(client.ask("hello").await, "hello");
    }
    clients
}

#[tokio::test]
async fn closes_are_spread_and_all_are_told() {
    raise_socket_limit();
    let mut host = Host::of("echo").log("info").start().await;
    let mut clients = crowd(&host).await;
    host.signal(Signal::TERM);
    host.log().line_with(&["closing 2000 connections"]).await;
    // Some were told, others serve on.
    let (mut told, mut served) = (0, 0);
    for client in &mut clients {
        match client.try_ask("hello").await {
            Some(_) => served += 1,
            None => told += 1,
        }
    }
    assert!(told > 0 && served > 0, "{told} were told, {served} served");
    drop(clients);
    assert!(host.end().await.success());
    assert_eq!(host.log().lines_with(&["cut off"]), [""; 0]);
}

#[tokio::test]
async fn a_second_signal_cuts_off_those_who_were_not_told() {
    raise_socket_limit();
    let mut host = Host::of("echo").log("info").start().await;
    let clients = crowd(&host).await;
    host.signal(Signal::TERM);
    host.log().line_with(&["closing 2000 connections"]).await;
    host.signal(Signal::TERM);
    assert!(host.end().await.success());
    host.log().line_with(&["WARN", "connections were cut off"]).await;
    drop(clients);
}

#[tokio::test]
async fn those_of_a_plugin_that_is_gone_are_told_too() {
    let site = crate::Site::new("drain_ms = 3_600_000", &["scripted"]);
    let mut host = site.host().start().await;
    let mut clients =
        [crate::open(&host, "/scripted").await, crate::open(&host, "/scripted").await];
    for client in &mut clients {
        assert_eq!(client.ask("count").await, "count 1");
    }
    std::fs::remove_file(site.plugins().join("scripted.wasm")).expect("it is there");
    host.log().line_with(&["plugin removed"]).await;
    host.metric_reaches("wshost_websockets_closed_total", &["code=\"1012\""], 1).await;
    host.signal(Signal::TERM);
    let codes = [clients[0].closed().await, clients[1].closed().await];
    let mut codes = codes.map(|closed| closed.map(|(code, _)| code));
    codes.sort_unstable();
    // The first of an hour's drain, and one that it left.
    assert_eq!(codes, [Some(1001), Some(1012)]);
    assert!(host.end().await.success());
}
