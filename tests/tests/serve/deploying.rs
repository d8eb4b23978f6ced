//! What becomes of a plugin, and of its connections, as its files change.

use std::fs;

use wshost_tests::{Mode, each_mode, run_to_end};

use crate::{Plugins, deployed, next_version, open, version};

each_mode![
    those_who_are_there_keep_their_version,
    those_who_are_there_are_drained,
    those_who_are_there_move_with_their_state,
    who_wants_no_info_any_more_gets_none,
    who_can_not_move_stays,
    a_plugin_that_goes_is_served_no_more,
];

#[tokio::test]
async fn each_plugin_serves_its_name_and_below() {
    let plugins = Plugins::new();
    plugins.put("scripted.wasm", version("scripted"));
    plugins.put("echo.wasm", version("echo"));
    plugins.put("echo.txt", "no plugin");
    let host = plugins.host().start().await;
    let mode = Mode::HTTP1;
    assert_eq!(open(mode, &host, "/scripted/a/b").await.ask("count").await, "count 1");
    assert_eq!(open(mode, &host, "/echo").await.ask("count").await, "count");
    for path in ["/", "/other", "/echoes"] {
        assert_eq!(mode.ask(&host).target(path).refused().await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_plugin_serves_the_routes_that_it_is_given() {
    let plugins = Plugins::new();
    plugins.put("scripted.toml", "routes = [\"/rooms/{room}/*\", \"chat.example.com/*\"]");
    plugins.put("scripted.wasm", version("scripted"));
    let host = plugins.host().start().await;
    let mode = Mode::HTTP1;
    let request = open(mode, &host, "/rooms/caf%C3%A9/x").await.ask("request").await;
    assert!(request.contains("parameters=room:café"), "{request}");
    assert_eq!(mode.ask(&host).target("/scripted").refused().await.status, 404);
}

#[tokio::test]
async fn what_comes_is_served_and_what_is_bad_is_not() {
    let plugins = Plugins::new();
    let host = plugins.host().start().await;
    let mode = Mode::HTTP1;
    assert_eq!(mode.ask(&host).target("/scripted").refused().await.status, 404);
    // Begun to be copied, and left like that for a while.
    let whole = version("scripted");
    fs::write(plugins.file("scripted.wasm"), &whole[..whole.len() / 2]).unwrap();
    host.log().line_with(&["ERROR", "not deployed", "plugin=scripted"]).await;
    fs::write(plugins.file("scripted.wasm"), &whole).unwrap();
    deployed(&host, 1).await;
    let mut client = open(mode, &host, "/scripted").await;
    assert_eq!(client.ask("count").await, "count 1");
    plugins.put("scripted.wasm", "no component");
    host.log().line_with(&["ERROR", "not deployed", "the version before goes on"]).await;
    assert_eq!(client.ask("count").await, "count 2");
    assert_eq!(open(mode, &host, "/scripted").await.ask("count").await, "count 1");
}

#[tokio::test]
async fn routes_of_two_that_overlap_name_both() {
    let plugins = Plugins::new();
    plugins.put("echo.wasm", version("echo"));
    let host = plugins.host().start().await;
    plugins.put("other.toml", "routes = [\"/echo\"]");
    plugins.put("other.wasm", version("scripted"));
    let line = host.log().line_with(&["ERROR", "not deployed", "plugin=other"]).await;
    for part in ["`echo` serves `/echo/*`", "`other` serves `/echo`"] {
        assert!(line.contains(part), "{line}");
    }
    assert_eq!(open(Mode::HTTP1, &host, "/echo").await.ask("goes on").await, "goes on");
}

#[tokio::test]
async fn who_was_refused_for_the_routes_of_another_gets_them_when_they_are_free() {
    let plugins = Plugins::new();
    for name in ["echo", "other", "third"] {
        plugins.put(&format!("{name}.toml"), "routes = [\"/echo\"]");
        plugins.put(&format!("{name}.wasm"), version("echo"));
    }
    let host = plugins.host().start().await;
    host.log().lines_reach(2, &["ERROR", "not deployed", "`echo` serves `/echo`"]).await;
    fs::remove_file(plugins.file("echo.wasm")).unwrap();
    host.log().line_with(&["plugin deployed", "plugin=other"]).await;
    // Or it serves others.
    plugins.put("other.toml", "routes = [\"/other\"]");
    host.log().line_with(&["plugin deployed", "plugin=third"]).await;
    for path in ["/echo", "/other"] {
        assert_eq!(open(Mode::HTTP1, &host, path).await.ask("goes on").await, "goes on");
    }
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_an_error() {
    let plugins = Plugins::new();
    let missing = plugins.file("x");
    let finished = run_to_end(&["serve", "--plugins", missing.to_str().unwrap()]).await;
    let error = finished.only_line();
    assert!(error.contains("there is no directory") && error.contains("--plugins"), "{error}");
}

async fn those_who_are_there_keep_their_version(mode: Mode) {
    let plugins = Plugins::new();
    plugins.put("scripted.wasm", version("scripted"));
    let host = plugins.host().start().await;
    let mut before = open(mode, &host, "/scripted").await;
    assert_eq!(before.ask("count").await, "count 1");
    plugins.put("scripted.wasm", next_version("scripted"));
    deployed(&host, 2).await;
    let mut after = open(mode, &host, "/scripted").await;
    assert_eq!(after.ask("count").await, "count 1");
    assert_eq!(before.ask("count").await, "count 2");
    // They are one plugin.
    let id = after.id().await;
    before.say(&format!("send:{id}:across")).await;
    assert!(after.text().await.ends_with("across"));
}

async fn those_who_are_there_are_drained(mode: Mode) {
    let plugins = Plugins::new();
    plugins.put("scripted.wasm", version("scripted"));
    let host = plugins.host().set_all(&["on_deploy=drain", "drain_ms=0"]).start().await;
    let mut before = open(mode, &host, "/scripted").await;
    let id = before.id().await;
    plugins.put("scripted.wasm", next_version("scripted"));
    before.closed_with(1012).await;
    assert_eq!(host.terminated(&id).await, "replaced");
    assert_eq!(open(mode, &host, "/scripted").await.ask("count").await, "count 1");
}

async fn those_who_are_there_move_with_their_state(mode: Mode) {
    let plugins = Plugins::new();
    plugins.put("scripted.wasm", version("scripted"));
    let host = plugins.host().set("on_deploy=migrate").start().await;
    let mut client = open(mode, &host, "/scripted").await;
    let id = client.id().await;
    assert_eq!(client.ask("count").await, "count 1");
    assert_eq!(client.ask("sub:news;timer:600000:later").await, "timer-id 1");
    plugins.put("scripted.wasm", next_version("scripted"));
    deployed(&host, 2).await;
    assert_eq!(client.ask("count").await, "count 2");
    host.log().line_with(&["moved to another version", &id]).await;
    assert_eq!(client.ask("cancel:1;me").await, "cancelled true");
    assert_eq!(client.text().await, format!("id {id}"));
    let mut other = open(mode, &host, "/scripted").await;
    assert_eq!(other.ask("pub:news:hello;text:done").await, "done");
    assert_eq!(client.text().await, "hello");
    // Once more, back to the first.
    plugins.put("scripted.wasm", version("scripted"));
    deployed(&host, 3).await;
    assert_eq!(client.ask("count").await, "count 3");
    host.metric_reaches("wshost_migrations_total", &["result=\"moved\""], 2).await;
}

async fn who_wants_no_info_any_more_gets_none(mode: Mode) {
    let plugins = Plugins::new();
    plugins.put("scripted.wasm", version("scripted"));
    let host = plugins.host().set("on_deploy=migrate").start().await;
    let ask = mode.ask(&host).target("/scripted").header("x-restore", "only:frames");
    let mut client = ask.open().await;
    let id = client.id().await;
    plugins.put("scripted.wasm", next_version("scripted"));
    deployed(&host, 2).await;
    // It moves at once where it is awake, else by what it gets here.
    let mut other = open(mode, &host, "/scripted").await;
    assert_eq!(other.ask(&format!("send:{id}:hello;text:sent")).await, "sent");
    host.metric_reaches("wshost_migrations_total", &["result=\"moved\""], 1).await;
    assert_eq!(client.ask("count").await, "count 1");
}

async fn who_can_not_move_stays(mode: Mode) {
    let plugins = Plugins::new();
    plugins.put("scripted.wasm", version("scripted"));
    let host = plugins.host().set("on_deploy=migrate").start().await;
    let mut client = open(mode, &host, "/scripted").await;
    assert_eq!(client.ask("count").await, "count 1");
    // It has no state that it could take.
    plugins.put("scripted.wasm", version("echo"));
    deployed(&host, 2).await;
    assert_eq!(client.ask("count").await, "count 2");
    host.log().line_with(&["WARN", "stays with its version", "refused it"]).await;
    assert_eq!(client.ask("count").await, "count 3");
    assert_eq!(open(mode, &host, "/scripted").await.ask("count").await, "count");
}

async fn a_plugin_that_goes_is_served_no_more(mode: Mode) {
    let plugins = Plugins::new();
    plugins.put("scripted.wasm", version("scripted"));
    let host = plugins.host().set("drain_ms=0").start().await;
    let mut client = open(mode, &host, "/scripted").await;
    let id = client.id().await;
    fs::remove_file(plugins.file("scripted.wasm")).unwrap();
    client.closed_with(1012).await;
    assert_eq!(host.terminated(&id).await, "replaced");
    assert_eq!(mode.ask(&host).target("/scripted").refused().await.status, 404);
}
