//! Real guests that sleep and wake.

mod script;
mod twin;
mod twins;

use std::{path::PathBuf, sync::Arc, time::Instant};

use super::{Snapshot, StaysAwake};
use crate::{
    config::Config,
    messaging::ConnectionId,
    plugin::{self, Plugin},
    sandbox::{
        Instance, Phase, RestoreError, Template,
        engine::engine,
        types::{FrameParam, HttpVersion, Peer, Request},
    },
};

/// Guests that share a pool with room for so many instances.
async fn load(guests: &[&str], instances: usize) -> Vec<Plugin> {
    let mut config = Config::default();
    config.set(&format!("instances_max={instances}")).unwrap();
    let engine = engine(&config, Some(&target().join("wshost-tests-cache"))).unwrap();
    let config = Arc::new(config);
    let mut plugins = Vec::new();
    for guest in guests {
        plugins.push(plugin::load(&engine, &component(guest), config.clone()).await.unwrap());
    }
    plugins
}

async fn plugin(guest: &str) -> Plugin {
    load(&[guest], 4).await.remove(0)
}

/// Of `target/release/deps/test-0123`, `target`.
fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

/// A guest that `cargo xtask guests` built.
fn component(guest: &str) -> PathBuf {
    target().join("wasm32-wasip2/release").join(guest).with_extension("wasm")
}

async fn open(template: &Template, id: ConnectionId) -> Instance {
    let mut instance = template.instantiate(id).await.unwrap();
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
    let effects = instance.ledger().commit(Instant::now);
    format!("{outcome:?} {effects:?}")
}

#[tokio::test]
async fn damaged_bytes_are_refused() {
    let plugin = plugin("counter").await;
    let id = ConnectionId::random();
    let mut instance = open(&plugin.template, id).await;
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
async fn handles_keep_an_instance_awake_and_usable() {
    let plugin = plugin("scripted").await;
    let mut instance = open(&plugin.template, ConnectionId::random()).await;
    say(&mut instance, "print:hello").await;
    assert!(matches!(instance.hibernate().await, Err(StaysAwake::HoldsResources)));
    assert!(say(&mut instance, "count").await.contains("count 1"));
}
