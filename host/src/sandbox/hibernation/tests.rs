//! Real guests that sleep and wake.

mod script;
mod twin;
mod twins;

use std::{path::PathBuf, sync::Arc, time::Instant};

use super::{Snapshot, StaysAwake};
use crate::{
    config::Configuration,
    key_value::Stores,
    messaging::ConnectionId,
    plugin::{Cache, Compiler, Loader, Plugin},
    sandbox::{
        Instance, Phase, RestoreError, Template,
        engine::engine,
        sample_request,
        types::{FrameParam, Request},
    },
};

/// Guests that share a pool with room for so many instances.
async fn load(guests: &[&str], instances: usize) -> Vec<Plugin> {
    let configuration = Configuration::of(&[&format!("instances_max={instances}")]).unwrap();
    let host = configuration.host();
    let engine = engine(host).unwrap();
    let cache = Cache::open(&target().join("wshost-tests-cache"), host.cache_max_bytes).unwrap();
    let compiler = Compiler::in_process().with_cache(Some(cache));
    let (stores, metrics) = (Stores::default(), Arc::default());
    let loader = Loader { engine, compiler, configuration, stores, metrics };
    let mut plugins = Vec::new();
    for guest in guests {
        plugins.push(loader.load(&component(guest)).await.unwrap());
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

async fn open(template: &Template, id: ConnectionId) -> Box<Instance> {
    let mut instance = template.instantiate(id).await.unwrap();
    let name = id.to_string();
    let request = Request { path: "/chat/room", ..sample_request(&name) };
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

/// A guest that sleeps before each text, and says the same as one that doesn't.
async fn is_told(guest: &str, texts: &[&str]) {
    let plugin = plugin(guest).await;
    let id = ConnectionId::random();
    let mut awake = open(&plugin.template, id).await;
    let mut sleeper = open(&plugin.template, id).await;
    for text in texts.iter().cycle().take(3 * texts.len()) {
        let snapshot = sleeper.hibernate().await.unwrap();
        let ledger = sleeper.into_ledger();
        sleeper = plugin.template.restore(id, Some(ledger), &snapshot).await.unwrap();
        let (one, other) = (say(&mut awake, text).await, say(&mut sleeper, text).await);
        assert_eq!(one, other, "{guest}: {text}");
    }
}

#[tokio::test]
async fn damaged_bytes_are_refused() {
    let plugin = plugin("counter").await;
    let id = ConnectionId::random();
    let mut instance = open(&plugin.template, id).await;
    let bytes = instance.hibernate().await.unwrap().pack().into_bytes();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let snapshot = Snapshot::from_bytes(damaged);
        let restored = plugin.template.restore(id, None, &snapshot).await;
        assert!(matches!(restored, Err(RestoreError::Invalid(_))), "byte {at}");
    }
}

#[tokio::test]
async fn a_guest_that_prints_sleeps() {
    is_told("scripted", &["print:to stdout", "count", "eprint:to stderr;print:and stdout"]).await;
    is_told("scripted", &["eprint:to stderr alone", "count"]).await;
    is_told("scripted", &["print-part:a line ", "eprint-part:another ", "print:ends"]).await;
}

#[tokio::test]
async fn a_guest_that_prints_sleeps_a_thousand_times() {
    let plugin = plugin("scripted").await;
    let id = ConnectionId::random();
    let mut instance = open(&plugin.template, id).await;
    let mut len_bytes = Vec::new();
    for round in 1..=1_000 {
        let said = say(&mut instance, "print:again;eprint:and again;count").await;
        assert!(said.contains(&format!("count {round}\"")), "{said}");
        let snapshot = instance.hibernate().await.unwrap();
        len_bytes.push(snapshot.len_bytes());
        let ledger = instance.into_ledger();
        instance = plugin.template.restore(id, Some(ledger), &snapshot).await.unwrap();
    }
    let (first, last) = (len_bytes[0], len_bytes[len_bytes.len() - 1]);
    assert!(last < first + 100, "{first} bytes became {last}");
}

#[tokio::test]
async fn other_handles_keep_an_instance_awake_and_usable() {
    let plugin = plugin("scripted").await;
    let mut instance = open(&plugin.template, ConnectionId::random()).await;
    say(&mut instance, "print:hello;read").await;
    assert!(matches!(instance.hibernate().await, Err(StaysAwake::HoldsResources)));
    assert!(say(&mut instance, "count").await.contains("count 1"));
}
