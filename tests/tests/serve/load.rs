//! Deployments while five hundred connections are at work.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::{sync::watch, time::interval};
use tokio_tungstenite::tungstenite::Message;
use wshost_tests::{Client, Crowd, Host, Mode, Signal, counting};

use crate::{Plugins, deployed, digest, nth_version, open, version};

const CONNECTIONS: usize = 500;
const DEPLOYMENTS: u8 = 50;
const MOVED: &[&str] = &["result=\"moved\""];

async fn host(plugins: &Plugins, on_deploy: &str) -> Host {
    plugins.put("scripted.wasm", version("scripted"));
    let settings = [&format!("on_deploy={on_deploy}"), "drain_ms=0"];
    plugins.host().takes_turns().set_all(&settings).log("info").start().await
}

async fn deploy(plugins: &Plugins, host: &Host, number: u8) {
    plugins.put("scripted.wasm", nth_version("scripted", number));
    // At once, and not when it was the same for two looks.
    host.signal(Signal::HUP);
    // The first was there at the start.
    deployed(host, usize::from(number) + 1).await;
}

/// Has connections count and echo while versions are deployed: each must have every
/// answer, once and in order, and its own count. Of each connection this many moves to
/// other versions are waited for, for each that is deployed.
async fn none_is_lost(plugins: &Plugins, host: &Host, moves: u64) {
    let asks = (0..CONNECTIONS).map(|_| Mode::HTTP1.ask(host).target("/scripted"));
    let mut crowd = Crowd::open(asks, counting).await;
    let mut number = 0;
    while number < DEPLOYMENTS {
        crowd
            .beside(async || {
                number += 1;
                deploy(plugins, host, number).await;
                let moved = CONNECTIONS as u64 * moves * u64::from(number);
                host.metric_reaches("wshost_migrations_total", MOVED, moved).await;
            })
            .await;
    }
    crowd.round().await;
    crowd.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_where_versions_are_kept() {
    let plugins = Plugins::new();
    let host = host(&plugins, "keep").await;
    none_is_lost(&plugins, &host, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_where_connections_move() {
    let plugins = Plugins::new();
    let host = host(&plugins, "migrate").await;
    none_is_lost(&plugins, &host, 1).await;
    let moved = CONNECTIONS as u64 * u64::from(DEPLOYMENTS);
    assert!(host.metric("wshost_migrations_total", MOVED).await >= moved);
    assert_eq!(host.metric("wshost_migrations_total", &["result=\"stayed\""]).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_where_a_plugin_is_replaced_faster_than_it_can_be_served() {
    let plugins = Plugins::new();
    let host = host(&plugins, "migrate").await;
    let asks = (0..CONNECTIONS).map(|_| Mode::HTTP1.ask(&host).target("/scripted"));
    let mut crowd = Crowd::open(asks, counting).await;
    let mut pace = interval(Duration::from_millis(100));
    let mut number = 0;
    while number < DEPLOYMENTS {
        crowd
            .beside(async || {
                pace.tick().await;
                number += 1;
                plugins.put("scripted.wasm", nth_version("scripted", number));
                if number % 10 == 0 {
                    host.signal(Signal::HUP);
                }
            })
            .await;
    }
    // The last one is served in the end.
    host.log().line_with(&["plugin deployed", &digest(&nth_version("scripted", number))]).await;
    crowd.round().await;
    crowd.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_drained_is_told_to_come_back() {
    let plugins = Plugins::new();
    let host = host(&plugins, "drain").await;
    let (over, until) = watch::channel(false);
    let clients = join_all((0..CONNECTIONS).map(|_| come_back(&host, until.clone())));
    let deployments = async {
        for number in 0..=DEPLOYMENTS {
            if number > 0 {
                deploy(&plugins, &host, number).await;
            }
            let opened = CONNECTIONS as u64 * (u64::from(number) + 1);
            host.metric_reaches("wshost_websockets_opened_total", &[], opened).await;
        }
        over.send(true).unwrap();
    };
    let (closes, ()) = tokio::join!(clients, deployments);
    assert!(closes.iter().all(|closes| *closes == usize::from(DEPLOYMENTS)), "{closes:?}");
}

/// Talks, and comes back as often as it is drained, until it is over. Returns how
/// often that was.
async fn come_back(host: &Host, over: watch::Receiver<bool>) -> usize {
    let mut closes = 0;
    while !*over.borrow() {
        let client = open(Mode::HTTP1, host, "/scripted").await;
        closes += usize::from(talk(client, &over).await);
    }
    closes
}

/// Talks until it is over, or the host closes with 1012 (true).
async fn talk(mut client: Client, over: &watch::Receiver<bool>) -> bool {
    let mut count = 0;
    while !*over.borrow() {
        client.say("count").await;
        match client.next().await {
            Message::Text(text) => {
                count += 1;
                assert_eq!(text.as_str(), format!("count {count}"));
            }
            Message::Close(Some(frame)) => {
                assert_eq!(u16::from(frame.code), 1012);
                client.finish().await;
                return true;
            }
            other => panic!("{other:?} is neither an answer nor a Close"),
        }
    }
    client.finish_after_close().await;
    false
}
