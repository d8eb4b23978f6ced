//! What `wshost check` says of a plugin.

use std::{fs, path::Path};

use serde_json::Value;
use wshost_tests::{Finished, guest, run_to_end};

async fn check(plugin: &Path, arguments: &[&str]) -> Finished {
    let plugin = plugin.to_str().expect("a path in UTF-8");
    let finished = run_to_end(&[&["check", plugin], arguments].concat()).await;
    assert_eq!((finished.status, &*finished.stderr), (Some(0), ""), "{finished:?}");
    finished
}

async fn facts(plugin: &str, arguments: &[&str]) -> Value {
    facts_of(&guest(plugin), arguments).await
}

async fn facts_of(plugin: &Path, arguments: &[&str]) -> Value {
    let finished = check(plugin, &[&["--json"], arguments].concat()).await;
    serde_json::from_str(&finished.stdout).expect("--json writes JSON")
}

#[tokio::test]
async fn a_plugin_is_described() {
    let facts = facts("echo", &[]).await;
    assert_eq!(facts["plugin"], "echo");
    assert_eq!(facts["contract"], "wshost:handler/handler@0.1.0");
    assert_eq!(facts["digest"].as_str().map(str::len), Some(64));
    let imports = facts["imports_granted"].as_array().expect("a list");
    assert!(imports.contains(&"wshost:handler/types@0.1.0".into()), "{facts}");
    assert!(!facts.to_string().contains("wshost:hibernation"), "{facts}");
    let file = fs::metadata(guest("echo")).expect("the guest is there");
    assert_eq!(facts["file_bytes"], file.len());
    for name in ["code_bytes", "core_modules", "memories", "mutable_globals"] {
        assert!(facts[name].as_u64() > Some(0), "{name}: {facts}");
    }
}

#[tokio::test]
async fn what_an_instance_costs_is_measured() {
    for plugin in ["echo", "chat", "counter", "scripted", "ticker"] {
        let facts = facts(plugin, &[]).await;
        assert_eq!((&facts["hibernates"], &facts["init"]), (&true.into(), &"accepts".into()));
        assert_eq!(facts["batch_in_one_call"], true);
        for name in ["make_us", "sleep_us", "wake_us", "snapshot_bytes"] {
            assert!(facts[name].as_f64() > Some(0.0), "{plugin}, {name}: {facts}");
        }
        // A page of 4 KiB was written at least, and not all there are.
        let (awake, memory) = (facts["awake_bytes"].as_u64(), facts["memory_bytes"].as_u64());
        assert!(awake > Some(4096) && awake < memory, "{plugin}: {facts}");
    }
}

#[tokio::test]
async fn what_keeps_a_plugin_awake_is_told() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("awake.wasm");
    let mut bytes = fs::read(guest("echo")).expect("the guest can be read");
    // A section (7) of one type: a resource without a destructor, held as an i32.
    bytes.extend([7, 4, 1, 0x3f, 0x7f, 0]);
    fs::write(&path, bytes).expect("the plugin can be written");
    let facts = facts_of(&path, &[]).await;
    assert_eq!((&facts["hibernates"], &facts["batch_in_one_call"]), (&false.into(), &false.into()));
    assert_eq!(facts["stays_awake_because"], "it defines resources of its own");
    assert!(facts["make_us"].as_f64() > Some(0.0), "{facts}");
    assert_eq!((&facts["snapshot_bytes"], &facts["memories"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn settings_count() {
    let facts = facts("echo", &["--set", "instances_max=1"]).await;
    assert!(facts["awake_bytes"].as_u64() > Some(4096), "{facts}");
    let facts = self::facts("echo", &["--set", "memory_max_bytes=2000000"]).await;
    assert_eq!(facts["memory_max_bytes"], 2_000_000);
    let plugin = guest("echo");
    let plugin = plugin.to_str().expect("a path in UTF-8");
    let refused = run_to_end(&["check", plugin, "--set", "memory_max_bytes=100000"]).await;
    assert!(refused.only_line().contains("memory"), "{refused:?}");
}

#[tokio::test]
async fn what_is_granted_is_named() {
    let facts = facts("echo", &["--env", "TOKEN=hidden", "--key-value", "board"]).await;
    assert_eq!(facts["environment"], serde_json::json!(["TOKEN"]));
    assert_eq!(facts["key_value"], serde_json::json!(["board"]));
    assert_eq!(facts["http"], serde_json::json!([]));
    assert!(!facts.to_string().contains("hidden"), "{facts}");
}

#[tokio::test]
async fn people_get_a_table() {
    let table = check(&guest("chat"), &[]).await.stdout;
    for row in ["plugin             chat\n", "hibernates         yes\n", "\nsnapshot bytes "] {
        assert!(table.contains(row), "{row} is missing in:\n{table}");
    }
}
