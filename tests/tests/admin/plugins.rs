//! Plugins, their versions, and what is deployed.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;
use wshost_tests::{Finished, Host, HostBuilder, Mode, guest, run_to_end};

use super::{Operator, TOKEN, scripted, with_token};

/// A directory of plugins.
struct Plugins(TempDir);

impl Plugins {
    fn new() -> Self {
        let plugins = Self(TempDir::new().unwrap());
        plugins.put("scripted.wasm", fs::read(guest("scripted")).unwrap());
        plugins
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let beside = self.0.path().join(".new");
        fs::write(&beside, bytes).unwrap();
        fs::rename(beside, self.0.path().join(name)).unwrap();
    }

    /// Another version: a custom section more.
    fn put_next(&self) {
        let section = [0, 5, 4, b'n', b'e', b'x', b't'];
        self.put("scripted.wasm", [&fs::read(guest("scripted")).unwrap()[..], &section].concat());
    }

    fn host(&self) -> HostBuilder {
        with_token(Host::of_directory(self.0.path()))
    }
}

/// Runs `wshost reload`.
async fn reload(operator: &Operator) -> Finished {
    let token = tempfile::NamedTempFile::new().unwrap();
    fs::write(token.path(), TOKEN).unwrap();
    let (address, token) = (operator.address.to_string(), token.path().to_str().unwrap());
    run_to_end(&["reload", "--internal", &address, "--admin-token-file", token]).await
}

#[tokio::test]
async fn versions_are_told_with_their_connections() {
    let plugins = Plugins::new();
    plugins.put(
        "scripted.toml",
        "routes = [\"/s\"]\n[grants]\nenvironment = { SECRET = \"hidden\" }\nkey_value = [\"board\"]\nhttp = [\"api.example.com\"]",
    );
    let host = plugins.host().start().await;
    let operator = Operator::of(&host).await;
    let mut client = Mode::HTTP1.ask(&host).target("/s").open().await;
    assert_eq!(client.ask("count").await, "count 1");
    plugins.put_next();
    let reloaded = operator.send("POST", "/v1/reload", None, "").await.good();
    let digest = reloaded["plugins"][0]["digest"].as_str().unwrap().to_owned();
    let answer = operator.get("/v1/plugins/scripted").await;
    assert!(!String::from_utf8_lossy(&answer.body).contains("hidden"));
    let told = answer.good();
    assert_eq!(operator.get("/v1/plugins").await.good(), json!({"plugins": [told]}));
    assert_eq!((&told["version"], &told["connections"]), (&json!(digest), &json!(1)));
    assert_eq!((&told["routes"], &told["stays_awake"]), (&json!(["/s"]), &Value::Null));
    assert_eq!(
        told["grants"],
        json!({"environment": ["SECRET"], "directories": [], "http": ["api.example.com"], "key_value": ["board"]})
    );
    let versions = told["versions"].as_array().unwrap();
    let of = |version: &Value| (version["connections"].clone(), version["successor"].clone());
    assert_eq!(of(&versions[0]), (json!(1), json!("keep")));
    assert_eq!(of(&versions[1]), (json!(0), Value::Null));
    assert_eq!(versions[1]["digest"], digest);
}

#[tokio::test]
async fn connections_are_drained_and_new_ones_served() {
    let host = scripted().await;
    let operator = Operator::of(&host).await;
    let mut before = Vec::new();
    for mode in [Mode::HTTP1, Mode::HTTP2, Mode::HTTP1_HIBERNATING] {
        let mut client = mode.ask(&host).open().await;
        let id = client.id().await;
        before.push((client, id));
    }
    let drained = operator.ask("POST", "/v1/plugins/scripted/drain", json!({"over_ms": 0})).await;
    assert_eq!((drained.status, drained.good()), (202, json!({"connections": 3, "over_ms": 0})));
    for (mut client, id) in before {
        client.closed_with(1012).await;
        assert_eq!(host.terminated(&id).await, "operator");
    }
    assert_eq!(Mode::HTTP1.ask(&host).open().await.ask("count").await, "count 1");
    let path = "/v1/plugins/scripted/drain";
    assert_eq!(operator.send("POST", path, None, "").await.good()["over_ms"], 30_000);
    operator.ask("POST", path, json!({"over_ms": 86_400_001})).await.problem(422);
}

#[tokio::test]
async fn a_directory_is_looked_at_when_it_is_asked_for() {
    let plugins = Plugins::new();
    let host = plugins.host().start().await;
    let operator = Operator::of(&host).await;
    let finished = reload(&operator).await;
    assert_eq!((finished.status, &*finished.stdout), (Some(0), "scripted: unchanged\n"));
    plugins.put_next();
    plugins.put("bad.wasm", "no component");
    let finished = reload(&operator).await;
    assert_eq!(finished.status, Some(1), "{finished:?}");
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert!(lines[0].starts_with("bad: refused: "), "{lines:?}");
    assert!(lines[1].starts_with("scripted: deployed "), "{lines:?}");
    assert_eq!(finished.stderr, "wshost: 1 of 2 plugins were refused\n");
    fs::remove_file(plugins.0.path().join("bad.wasm")).unwrap();
    fs::remove_file(plugins.0.path().join("scripted.wasm")).unwrap();
    let finished = reload(&operator).await;
    assert!(finished.stdout.contains("scripted: removed\n"), "{finished:?}");
}

#[tokio::test]
async fn the_one_plugin_of_run_is_reloaded() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("scripted.wasm");
    fs::copy(guest("scripted"), &file).unwrap();
    let host = with_token(Host::of_file(&file)).set("on_deploy=drain").set("drain_ms=0");
    let host = host.start().await;
    let operator = Operator::of(&host).await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    assert_eq!(reload(&operator).await.stdout, "scripted: unchanged\n");
    assert_eq!(client.ask("count").await, "count 1");
    let section = [0, 5, 4, b'n', b'e', b'x', b't'];
    fs::write(&file, [&fs::read(guest("scripted")).unwrap()[..], &section].concat()).unwrap();
    assert!(reload(&operator).await.stdout.starts_with("scripted: deployed "));
    client.closed_with(1012).await;
}

#[tokio::test]
async fn who_can_not_reload_says_why() {
    let host = scripted().await;
    let address = host.internal_address().await.to_string();
    let ask = ["reload", "--internal", &address];
    let finished = run_to_end(&ask).await;
    assert!(finished.only_line().contains("--admin-token-file"), "{finished:?}");
    let token = tempfile::NamedTempFile::new().unwrap();
    fs::write(token.path(), "another token of good length".replace(' ', "-")).unwrap();
    let token = ["--admin-token-file", token.path().to_str().unwrap()];
    let finished = run_to_end(&[&ask[..], &token].concat()).await;
    let line = finished.only_line();
    assert!(line.contains("401") && line.contains("this is not the admin token"), "{line}");
    // The public listener has no such thing.
    let public = host.address().to_string();
    let finished = run_to_end(&[&["reload", "--internal", &public][..], &token].concat()).await;
    assert!(finished.only_line().contains("is this its internal listener?"), "{finished:?}");
}
