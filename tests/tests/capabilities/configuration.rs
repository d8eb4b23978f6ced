//! The configuration file, and the file beside a plugin.

use std::fs;

use tempfile::TempDir;

use crate::{directory, text, write};
use wshost_tests::{Host, Mode, guest, run_to_end};

const FILE: &str = r#"
timers_max = 5

[stores.board]
path = "board.redb"
max_bytes = 1000

[plugins.chat]
value_max_bytes = 3

[plugins.chat.grants]
environment = { GREETING = "hello" }
directories = { "/data" = "data" }
http = ["unreachable.invalid"]
key_value = ["board"]
"#;

/// The guest as `chat.wasm`, and its configuration.
fn chat(file: &str) -> (TempDir, String, String) {
    let directory = directory();
    let plugin = directory.path().join("chat.wasm");
    fs::copy(guest("granted"), &plugin).expect("the guest can be copied");
    fs::create_dir(directory.path().join("data")).expect("a directory");
    write(&directory, "data/file", "what is there");
    let config = write(&directory, "wshost.toml", file);
    (directory, text(plugin), config)
}

async fn fails(file: &str, arguments: &[&str]) -> String {
    let (_directory, plugin, config) = chat(file);
    let run = ["run", &plugin, "--config", &config, "--listen", "127.0.0.1:0"];
    let finished = run_to_end(&[&run, arguments].concat()).await;
    let check = run_to_end(&[&["check", &plugin, "--config", &config], arguments].concat()).await;
    assert_eq!(check.only_line(), finished.only_line());
    finished.only_line().replace(&config, "wshost.toml")
}

#[tokio::test]
async fn a_file_grants_and_sets() {
    let (directory, plugin, config) = chat(FILE);
    write(&directory, "chat.toml", "[grants]\nenvironment = { GREETING = \"hi\" }");
    let host = Host::of_file(plugin.as_ref()).argument("--config").argument(&config);
    let host = host.start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    for (command, answer) in [
        ("env GREETING", "hi"),
        ("read /data/file", "what is there"),
        ("set board k abc", "set"),
        ("set board k abcd", "Limit(\"value_max_bytes\")"),
        ("set board l abc", "set"),
    ] {
        assert_eq!(client.ask(command).await, answer, "{command}");
    }
    assert!(directory.path().join("board.redb").exists());
    for key in 0..5 {
        client.ask(format!("set board {key} x")).await;
    }
    assert_eq!(client.ask("set board last x").await, "Limit(\"stores.board.max_bytes\")");
}

#[tokio::test]
async fn the_command_line_wins() {
    let (_directory, plugin, config) = chat(FILE);
    let host = Host::of_file(plugin.as_ref()).argument("--config").argument(&config);
    let host = host.argument("--env").argument("GREETING=hey").set("value_max_bytes=2");
    let host = host.start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    assert_eq!(client.ask("env GREETING").await, "hey");
    assert_eq!(client.ask("set board k abc").await, "Limit(\"value_max_bytes\")");
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_line() {
    for (file, said) in [
        ("timers = 1", "wshost.toml:1: no setting and no table is named `timers`"),
        ("timers_max = 1\ntimers_max = 2", "wshost.toml:2: duplicate key"),
        ("[plugins.chat]\ninstances_max = 1", "wshost.toml:2: `instances_max` is the whole host's"),
        ("[plugins.other.grants]\nhttp = 1", "wshost.toml:2: `http` is a list of strings"),
    ] {
        let line = fails(file, &[]).await;
        assert!(line.starts_with(said), "{line}");
    }
    let more = "[plugins.chat]\nmemory_max_bytes = 134217728";
    let line = fails(more, &[]).await;
    let said = "wshost.toml:2: memory_max_bytes=134217728 is more than the host has room for, which is 67108864 by default";
    assert!(line.contains(said), "{line}");
    let line = fails("", &[]).await;
    assert!(line.contains("[plugins.chat.grants]"), "{line}");
}

#[tokio::test]
async fn a_file_that_is_missing_is_told() {
    let plugin = text(guest("echo"));
    let finished = run_to_end(&["check", &plugin, "--config", "/nowhere/wshost.toml"]).await;
    assert!(finished.only_line().starts_with("can't read /nowhere/wshost.toml: No such file"));
}

#[tokio::test]
async fn a_plugin_has_its_own_limits() {
    let file = "memory_max_bytes = 33554432\n[plugins.small]\nmemory_max_bytes = 65536\n\
                [plugins.other]\nmemory_max_bytes = 2097152";
    let (directory, _, config) = chat(file);
    let check = async |name: &str| {
        let plugin = text(directory.path().join(name));
        fs::copy(guest("echo"), &plugin).expect("the guest can be copied");
        run_to_end(&["check", &plugin, "--config", &config, "--json"]).await
    };
    let small = check("small.wasm").await;
    assert!(small.only_line().contains("memory_max_bytes"), "{small:?}");
    let other = check("other.wasm").await.stdout;
    let other: serde_json::Value = serde_json::from_str(&other).expect("--json writes JSON");
    assert_eq!(
        (&other["memory_max_bytes"], &other["hibernates"]),
        (&2_097_152.into(), &true.into())
    );
}
