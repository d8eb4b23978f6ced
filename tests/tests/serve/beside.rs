//! Plugins in one host are nothing to each other, unless the operator has them share.

use tempfile::TempDir;
use wshost_tests::{Client, Host, Mode, each_mode};

use crate::{Plugins, open, version};

each_mode![topics_are_a_plugins_own, a_connection_of_another_plugin_is_nobody];

/// A host of two plugins that are the same component, with these settings for each.
async fn two(settings: &[&str]) -> (Plugins, Host) {
    let plugins = Plugins::new();
    for name in ["one", "other"] {
        plugins.put(&format!("{name}.toml"), settings.join("\n"));
        plugins.put(&format!("{name}.wasm"), version("scripted"));
    }
    let host = plugins.host().start().await;
    (plugins, host)
}

async fn one_of_each(mode: Mode, host: &Host) -> (Client, Client) {
    (open(mode, host, "/one").await, open(mode, host, "/other").await)
}

/// Expects that nothing waits for it: what it sends itself comes next.
async fn has_nothing(client: &mut Client) {
    let id = client.id().await;
    assert_eq!(client.ask(format!("send:{id}:nothing")).await, format!("direct {id} nothing"));
}

async fn topics_are_a_plugins_own(mode: Mode) {
    let (_plugins, host) = two(&[]).await;
    let (mut one, mut other) = one_of_each(mode, &host).await;
    for client in [&mut one, &mut other] {
        assert_eq!(client.ask("sub:news;text:in").await, "in");
    }
    let id = one.id().await;
    one.say("pub:news:frame;msg:news:message").await;
    assert_eq!(one.text().await, "frame");
    assert_eq!(one.text().await, format!("published news {id} message"));
    has_nothing(&mut other).await;
}

async fn a_connection_of_another_plugin_is_nobody(mode: Mode) {
    let (_plugins, host) = two(&[]).await;
    let (mut one, mut other) = one_of_each(mode, &host).await;
    let id = other.id().await;
    assert_eq!(one.ask(format!("send:{id}:hello;text:sent")).await, "sent");
    has_nothing(&mut other).await;
}

#[tokio::test]
async fn metrics_tell_them_apart() {
    let (_plugins, host) = two(&[]).await;
    let mut both = one_of_each(Mode::HTTP1, &host).await;
    assert_eq!(both.0.ask("count").await, "count 1");
    for (plugin, messages) in [("plugin=\"one\"", 1), ("plugin=\"other\"", 0)] {
        host.metric_reaches("wshost_websockets_opened_total", &[plugin], 1).await;
        let received = [plugin, "direction=\"received\"", "kind=\"text\""];
        assert_eq!(host.metric("wshost_messages_total", &received).await, messages, "{plugin}");
    }
}

#[tokio::test]
async fn what_one_uses_up_is_there_for_the_other() {
    let (_plugins, host) = two(&["plugin_timers_max = 1", "plugin_subscriptions_max = 1"]).await;
    let (mut one, mut other) = one_of_each(Mode::HTTP1, &host).await;
    assert_eq!(one.ask("timer:600000:x").await, "timer-id 1");
    assert!(one.ask("timer:600000:y").await.contains("plugin_timers_max"));
    assert_eq!(other.ask("timer:600000:x").await, "timer-id 1");
    assert_eq!(one.ask("sub:a;text:in").await, "in");
    assert!(one.ask("sub:b;text:in").await.contains("plugin_subscriptions_max"));
    assert_eq!(other.ask("sub:b;text:in").await, "in");
    for plugin in ["one", "other"] {
        let hits = host.metric("wshost_limits_hit_total", &[&format!("plugin=\"{plugin}\"")]).await;
        assert_eq!(hits, if plugin == "one" { 2 } else { 0 }, "{plugin}");
    }
}

#[tokio::test]
async fn a_store_is_shared_where_the_operator_says_so() {
    let (plugins, files) = (Plugins::new(), TempDir::new().unwrap());
    let config = files.path().join("wshost.toml");
    std::fs::write(&config, "[stores.board]\n").unwrap();
    for name in ["one", "other"] {
        let grants = "[grants]\nhttp = [\"unreachable.invalid\"]\nkey_value = [\"own\", \"board\"]";
        plugins.put(&format!("{name}.toml"), grants);
        plugins.put(&format!("{name}.wasm"), version("granted"));
    }
    let host = plugins.host().argument("--config").argument(config.to_str().unwrap());
    let host = host.start().await;
    let (mut one, mut other) = one_of_each(Mode::HTTP1, &host).await;
    for store in ["own", "board"] {
        assert_eq!(one.ask(format!("set {store} k here")).await, "set");
    }
    assert_eq!(other.ask("get board k").await, "here");
    assert_eq!(other.ask("get own k").await, "none");
}
