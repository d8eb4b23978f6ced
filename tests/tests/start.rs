//! Starting and stopping.

use std::net::SocketAddr;

use tokio::sync::mpsc;
use wshost_tests::{Host, Mode, Signal, each_transport};

each_transport![
    port_0_is_announced_as_the_port_it_got,
    hosts_that_start_at_once_share_one_empty_cache,
    sigterm_ends_it_well,
    sigint_ends_it_well,
    a_peer_that_does_not_answer_is_cut_off,
    a_second_signal_does_not_wait,
    nobody_is_forgotten_who_comes_while_it_stops,
    nothing_is_accepted_any_more,
];

async fn port_0_is_announced_as_the_port_it_got(mode: Mode) {
    let (one, two) = (Host::of("scripted").start().await, Host::of("scripted").start().await);
    assert_ne!(one.address().port(), 0);
    assert_ne!(one.address(), two.address());
    for host in [&one, &two] {
        assert!(host.address().ip().is_loopback());
        assert_eq!(mode.ask(host).open().await.ask("count").await, "count 1");
    }
}

/// Each compiles, and each may find what another is just writing.
async fn hosts_that_start_at_once_share_one_empty_cache(mode: Mode) {
    let cache = tempfile::tempdir().expect("a temporary directory");
    let start = || Host::of("scripted").set("instances_max=10").cache(cache.path()).start();
    let hosts = futures_util::future::join_all((0..6).map(|_| start())).await;
    for host in &hosts {
        assert_eq!(mode.ask(host).open().await.ask("count").await, "count 1");
    }
    // One more finds it all there.
    let host = start().await;
    assert_eq!(mode.ask(&host).open().await.ask("count").await, "count 1");
}

async fn ends_well(mode: Mode, signal: Signal) {
    let mut host = Host::of("scripted").start().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = mode.ask(&host).open().await;
        assert_eq!(client.ask("count").await, "count 1");
        clients.push(client);
    }
    host.signal(signal);
    for client in &mut clients {
        client.closed_with(1001).await;
    }
    let status = host.end().await;
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(host.log().lines_with(&["guest::scripted: terminate shutdown"]).len(), 20);
    host.log().line_with(&["closing 20 connections"]).await;
    assert_eq!(host.log().lines_with(&["cut off"]), [""; 0]);
}

async fn sigterm_ends_it_well(mode: Mode) {
    ends_well(mode, Signal::TERM).await;
}

async fn sigint_ends_it_well(mode: Mode) {
    ends_well(mode, Signal::INT).await;
}

async fn a_peer_that_does_not_answer_is_cut_off(mode: Mode) {
    let mut host = Host::of("scripted").set("close_timeout_ms=300").start().await;
    let mut silent = mode.ask(&host).open_raw().await;
    silent.alive().await;
    host.signal(Signal::TERM);
    let status = host.end().await;
    assert_eq!(status.code(), Some(0), "{status}");
    assert_eq!(silent.text().await, "ping alive?");
    assert_eq!(silent.close_frame().await, Some((1001, String::new())));
}

async fn a_second_signal_does_not_wait(mode: Mode) {
    let settings = ["close_timeout_ms=3_600_000", "shutdown_timeout_ms=3_600_000"];
    let mut host = Host::of("scripted").set_all(&settings).start().await;
    let mut silent = mode.ask(&host).init("hide-control").open_raw().await;
    silent.alive().await;
    host.signal(Signal::TERM);
    assert_eq!(silent.close_frame().await, Some((1001, String::new())));
    host.signal(Signal::TERM);
    let status = host.end().await;
    assert_eq!(status.code(), Some(0), "{status}");
    host.log().line_with(&["WARN", "1 connections were cut off"]).await;
}

/// Whoever asks while the host stops is refused, or told 1001: it never waits
/// for one that it has not told.
async fn nobody_is_forgotten_who_comes_while_it_stops(mode: Mode) {
    for round in 0..5 {
        let mut host = Host::of("scripted").set("shutdown_timeout_ms=3_600_000").start().await;
        let address = host.address();
        let (opened, mut openings) = mpsc::unbounded_channel();
        let comers: Vec<_> =
            (0..4).map(|_| tokio::spawn(keep_coming(mode, address, opened.clone()))).collect();
        for _ in 0..8 << round {
            openings.recv().await.expect("they keep coming");
        }
        host.signal(Signal::TERM);
        let status = host.end().await;
        assert_eq!(status.code(), Some(0), "{status}");
        for comer in comers {
            comer.await.expect("every connection that was opened has its end");
        }
    }
}

/// Opens connections until none is opened any more, then reads each to its end.
async fn keep_coming(mode: Mode, address: SocketAddr, opened: mpsc::UnboundedSender<()>) {
    let mut open = Vec::new();
    while let Some(client) = mode.ask_address(address).try_open().await {
        // Nobody counts them any more when the host goes down.
        let _ = opened.send(());
        open.push(client);
        if open.len() > 200 {
            open.clear();
        }
    }
    for client in open {
        client.finish().await;
    }
}

async fn nothing_is_accepted_any_more(mode: Mode) {
    let mut host = Host::of("scripted").start().await;
    let address = host.address();
    host.stop().await;
    assert!(mode.ask_address(address).try_open().await.is_none());
}
