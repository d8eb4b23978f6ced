//! Connections that are not in the newest version but one when their plugin changes
//! again: those that sleep, and those that could not move.

use std::fs;

use wshost_tests::{Client, Host, Mode, each_mode};

use crate::{Plugins, deployed, next_version, nth_version, open, version};

each_mode![
    they_go_with_their_plugin,
    they_are_drained,
    they_move_to_the_newest,
    who_was_promised_a_version_gets_it,
];

/// Connections of a first version that a second one has replaced: one that has seen
/// nothing of that, and one that could not move.
async fn left_behind(mode: Mode, host: &Host, plugins: &Plugins) -> [Client; 2] {
    let mut clients = [open(mode, host, "/scripted").await, open(mode, host, "/scripted").await];
    for client in &mut clients {
        assert_eq!(client.ask("count").await, "count 1");
    }
    // It takes no state.
    plugins.put("scripted.wasm", version("echo"));
    deployed(host, 2).await;
    assert_eq!(clients[1].ask("count").await, "count 2");
    host.log().line_with(&["stays with its version", "refused it"]).await;
    clients
}

async fn they_go_with_their_plugin(mode: Mode) {
    let plugins = Plugins::new();
    plugins.put("scripted.wasm", version("scripted"));
    let host = plugins.host().set_all(&["on_deploy=migrate", "drain_ms=0"]).start().await;
    let clients = left_behind(mode, &host, &plugins).await;
    fs::remove_file(plugins.file("scripted.wasm")).unwrap();
    for mut client in clients {
        client.closed_with(1012).await;
    }
}

async fn they_are_drained(mode: Mode) {
    let plugins = Plugins::new();
    plugins.put("scripted.wasm", version("scripted"));
    plugins.put("scripted.toml", "on_deploy = \"migrate\"");
    let host = plugins.host().start().await;
    let clients = left_behind(mode, &host, &plugins).await;
    plugins.put("scripted.toml", "on_deploy = \"drain\"\ndrain_ms = 0");
    for mut client in clients {
        client.closed_with(1012).await;
    }
    assert_eq!(open(mode, &host, "/scripted").await.ask("goes on").await, "goes on");
}

async fn they_move_to_the_newest(mode: Mode) {
    let plugins = Plugins::new();
    plugins.put("scripted.wasm", version("scripted"));
    let host = plugins.host().set("on_deploy=migrate").start().await;
    // Where its handler sleeps it moves at its next event.
    let mut client = open(mode, &host, "/scripted").await;
    assert_eq!(client.ask("count").await, "count 1");
    for number in 2..5 {
        plugins.put("scripted.wasm", nth_version("scripted", number));
        deployed(&host, number.into()).await;
    }
    assert_eq!(client.ask("count").await, "count 2");
    assert_eq!(open(mode, &host, "/scripted").await.ask("count").await, "count 1");
    if mode.hibernating {
        assert_eq!(host.log().lines_with(&["moved to another version"]).len(), 1);
    }
}

async fn who_was_promised_a_version_gets_it(mode: Mode) {
    let plugins = Plugins::new();
    plugins.put("scripted.wasm", version("scripted"));
    plugins.put("scripted.toml", "on_deploy = \"migrate\"");
    let host = plugins.host().start().await;
    let mut client = open(mode, &host, "/scripted").await;
    assert_eq!(client.ask("count").await, "count 1");
    plugins.put("scripted.wasm", next_version("scripted"));
    deployed(&host, 2).await;
    plugins.put("scripted.toml", "on_deploy = \"keep\"");
    deployed(&host, 3).await;
    assert_eq!(client.ask("count").await, "count 2");
    host.log().lines_reach(1, &["moved to another version"]).await;
    plugins.put("scripted.toml", "on_deploy = \"drain\"\ndrain_ms = 0");
    client.closed_with(1012).await;
}

#[tokio::test]
async fn one_that_stays_keeps_its_own_version_and_no_other() {
    let plugins = Plugins::new();
    plugins.put("scripted.wasm", version("scripted"));
    let host = plugins.host().set_all(&["on_deploy=migrate", "versions_max=3"]).start().await;
    let [mut sleeper, mut stays] = left_behind(Mode::HTTP1_HIBERNATING, &host, &plugins).await;
    for number in 3..8 {
        plugins.put("scripted.wasm", nth_version("echo", number));
        deployed(&host, number.into()).await;
    }
    assert_eq!(stays.ask("count").await, "count 3");
    assert_eq!(sleeper.ask("count").await, "count 2");
}

#[tokio::test]
async fn one_version_too_many_is_served_once_another_has_no_connections() {
    let plugins = Plugins::new();
    plugins.put("scripted.wasm", version("scripted"));
    let host = plugins.host().set("versions_max=2").start().await;
    let first = open(Mode::HTTP1, &host, "/scripted").await;
    plugins.put("scripted.wasm", nth_version("scripted", 2));
    deployed(&host, 2).await;
    plugins.put("scripted.wasm", version("echo"));
    host.log().line_with(&["not deployed", "versions_max", "the version before goes on"]).await;
    drop(first);
    deployed(&host, 3).await;
    assert_eq!(open(Mode::HTTP1, &host, "/scripted").await.ask("it echoes").await, "it echoes");
}
