//! Twins: one sleeps between calls, the other never. Real guests, equal answers,
//! equal state.

use std::{path::PathBuf, sync::Arc};

use super::{Snapshot, StaysAwake};
use crate::{
    config::Config,
    messaging::ConnectionId,
    plugin::{self, Plugin},
    sandbox::{
        Instance, Phase, RestoreError,
        engine::engine,
        types::{FrameParam, HttpVersion, Peer, Request},
    },
};

async fn plugin(guest: &str) -> Plugin {
    let mut config = Config::default();
    config.set("instances_max=4").unwrap();
    config.set("snapshot_max_bytes=64_000_000").unwrap();
    let engine = engine(&config, None).unwrap();
    plugin::load(&engine, &component(guest), Arc::new(config)).await.unwrap()
}

/// A guest that `cargo xtask guests` built: of `target/release/deps/test-0123`,
/// it stands in `target/wasm32-wasip2/release`.
fn component(guest: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    target.join("wasm32-wasip2/release").join(guest).with_extension("wasm")
}

async fn open(plugin: &Plugin, id: ConnectionId) -> Instance {
    let mut instance = plugin.template.instantiate(id).await.unwrap();
    let name = id.to_string();
    let request = Request {
        id: &name,
        method: "GET",
        scheme: "http",
        authority: Some("localhost"),
        path: "/chat/room",
        query: None,
        version: HttpVersion::Http11,
        headers: &[],
        peer: Peer { address: "127.0.0.1", port: 4711 },
        tls: None,
        upgrade: true,
        subprotocols: &[],
        parameters: &[],
    };
    instance.init(request).await.unwrap();
    instance.ledger().phase = Phase::Open;
    instance.opened().await.unwrap();
    instance
}

/// What a text gets for an answer, and what was asked of the host.
async fn say(instance: &mut Instance, text: &str) -> String {
    let outcome = instance.frames(&[FrameParam::Text(text)]).await.unwrap();
    let effects = instance.ledger().commit(std::time::Instant::now);
    format!("{outcome:?} {effects:?}")
}

/// Drops an instance, and makes it again from its snapshot's bytes.
async fn sleep(plugin: &Plugin, id: ConnectionId, mut instance: Instance) -> Instance {
    let bytes = instance.hibernate().await.unwrap().into_bytes();
    let ledger = instance.into_ledger();
    plugin.template.restore(id, ledger, &Snapshot::from_bytes(bytes)).await.unwrap()
}

async fn twins(guest: &str, texts: &[&str]) {
    let plugin = plugin(guest).await;
    plugin.template.can_hibernate().unwrap_or_else(|why| panic!("{guest}: {why}"));
    let id = ConnectionId::random();
    let (mut awake, mut asleep) = (open(&plugin, id).await, open(&plugin, id).await);
    for round in 0..3 {
        for text in texts {
            asleep = sleep(&plugin, id, asleep).await;
            let (one, other) = (say(&mut awake, text).await, say(&mut asleep, text).await);
            assert_eq!(one, other, "{guest}, round {round}: {text}");
        }
        // A snapshot is what differs from a fresh instance, so equal ones are
        // equal memories and globals.
        let one = awake.hibernate().await.unwrap();
        let other = asleep.hibernate().await.unwrap();
        assert_eq!(one, other, "{guest}, round {round}");
    }
}

#[tokio::test]
async fn echo_sleeps() {
    twins("echo", &["", "hello", &"long ".repeat(20_000)]).await;
}

#[tokio::test]
async fn counter_sleeps() {
    twins("counter", &["1", "-5", "much", "1000000"]).await;
}

#[tokio::test]
async fn chat_sleeps() {
    twins("chat", &["hello", "how are you?", "fine"]).await;
}

#[tokio::test]
async fn scripted_sleeps() {
    let texts =
        ["count;me;request", "grow:1000000;count", "bytes:300000", "timer:60000:x;cancel:1"];
    twins("scripted", &texts).await;
}

#[tokio::test]
async fn damaged_bytes_are_refused() {
    let plugin = plugin("counter").await;
    let id = ConnectionId::random();
    let mut instance = open(&plugin, id).await;
    let bytes = instance.hibernate().await.unwrap().into_bytes();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let snapshot = Snapshot::from_bytes(damaged);
        let restored = plugin.template.restore(id, Box::default(), &snapshot).await;
        assert!(matches!(restored, Err(RestoreError::Invalid(_))), "byte {at}");
    }
}

#[tokio::test]
async fn a_guest_that_prints_sleeps() {
    twins("scripted", &["print:to stdout", "count", "eprint:to stderr;print:and stdout"]).await;
    twins("scripted", &["eprint:to stderr alone", "count"]).await;
    twins("scripted", &["print-part:a line ", "eprint-part:another ", "print:ends"]).await;
}

#[tokio::test]
async fn a_guest_that_prints_sleeps_a_thousand_times() {
    let plugin = plugin("scripted").await;
    let id = ConnectionId::random();
    let mut instance = open(&plugin, id).await;
    let mut len_bytes = Vec::new();
    for round in 1..=1_000 {
        let said = say(&mut instance, "print:again;eprint:and again;count").await;
        assert!(said.contains(&format!("count {round}\"")), "{said}");
        let snapshot = instance.hibernate().await.unwrap();
        len_bytes.push(snapshot.len_bytes());
        let ledger = instance.into_ledger();
        instance = plugin.template.restore(id, ledger, &snapshot).await.unwrap();
    }
    let (first, last) = (len_bytes[0], len_bytes[len_bytes.len() - 1]);
    assert!(last < first + 100, "{first} bytes became {last}");
}

#[tokio::test]
async fn other_handles_keep_an_instance_awake_and_usable() {
    let plugin = plugin("scripted").await;
    let mut instance = open(&plugin, ConnectionId::random()).await;
    say(&mut instance, "print:hello;read").await;
    assert!(matches!(instance.hibernate().await, Err(StaysAwake::HoldsResources)));
    assert!(say(&mut instance, "count").await.contains("count 1"));
}
