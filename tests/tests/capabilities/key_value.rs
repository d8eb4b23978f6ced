//! Key-value stores.

use crate::{asleep, directory, granted, text};
use wshost_tests::{Mode, Signal, run_to_end};

#[tokio::test]
async fn connections_share_a_store() {
    let host = granted(&[]).start().await;
    let mut one = Mode::HTTP1.ask(&host).open().await;
    let mut other = Mode::HTTP2.ask(&host).open().await;
    for (command, answer) in [
        ("get own k", "none"),
        ("set own k first", "set"),
        ("get own k", "first"),
        ("set-if own k wrong second", "false"),
        ("set-if own k - second", "false"),
        ("increment own n 5", "5"),
        ("increment own k 1", "Invalid(\"the value is no number in decimal digits\")"),
        ("keys own ", "k n"),
        ("delete own k", "true"),
        ("set-if own k - second", "true"),
    ] {
        assert_eq!(one.ask(command).await, answer, "{command}");
    }
    assert_eq!(other.ask("increment own n 1").await, "6");
    assert_eq!(other.ask("get own k").await, "second");
}

#[tokio::test]
async fn what_is_not_granted_or_not_valid_is_told() {
    let settings =
        ["key_max_bytes=5", "value_max_bytes=4", "key_value_max_bytes=300", "keys_listed_max=2"];
    let host = granted(&[]).set_all(&settings).start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    let denied = "Denied(\"the key-value store; to grant it: key_value = [\\\"other\\\"]\")";
    for (command, answer) in [
        ("get other k", denied),
        ("keys other k", denied),
        ("get own ", "Invalid(\"a key is not empty\")"),
        ("get own longer", "Limit(\"key_max_bytes\")"),
        ("set own k longer", "Limit(\"value_max_bytes\")"),
        ("set own a 1234", "set"),
        ("set own b 1234", "set"),
        ("set own c 1234", "Limit(\"key_value_max_bytes\")"),
        ("increment own c 1", "Limit(\"key_value_max_bytes\")"),
        ("delete own a", "true"),
        ("set own c 1234", "set"),
        // The rest is asked for when two are used up.
        ("keys own ", "b c"),
    ] {
        assert_eq!(client.ask(command).await, answer, "{command}");
    }
    host.log().line_with(&["a limit was hit", "limit="]).await;
}

#[tokio::test]
async fn who_uses_a_store_sleeps() {
    let host = granted(&[]).start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    for times in 1..=5 {
        assert_eq!(client.ask("increment own n 1").await, times.to_string());
        assert_eq!(client.ask("count").await, times.to_string());
        asleep(&host, 2 * times).await;
    }
}

#[tokio::test]
async fn a_store_can_be_used_in_init() {
    let host = granted(&[]).start().await;
    for times in ["1", "2"] {
        let ask = Mode::HTTP1.ask(&host).init("increment own connections 1");
        assert_eq!(ask.open().await.text().await, times);
    }
}

#[tokio::test]
async fn a_store_in_a_file_outlives_the_host() {
    let directory = directory();
    let store = format!("kept={}", text(directory.path().join("kept.redb")));
    for times in 1..=3 {
        let mut host = granted(&["--key-value", &store]).start().await;
        let mut client = Mode::HTTP1.ask(&host).open().await;
        assert_eq!(client.ask("increment kept n 1").await, times.to_string());
        assert_eq!(client.ask("increment own n 1").await, "1");
        assert_eq!(client.ask("keys kept ").await, "n");
        match times {
            // What was answered for is on the disk, however the host ends.
            1 => host.signal(Signal::KILL),
            _ => host.signal(Signal::TERM),
        }
        host.end().await;
    }
}

#[tokio::test]
async fn a_file_is_one_hosts_and_check_leaves_it_alone() {
    let directory = directory();
    let file = text(directory.path().join("kept.redb"));
    let store = format!("kept={file}");
    let _host = granted(&["--key-value", &store]).start().await;
    let plugin = text(wshost_tests::guest("granted"));
    let arguments = [&*plugin, "--http", "a.com", "--key-value", &store];
    let run = [&["run", "--listen", "127.0.0.1:0"], &arguments[..]].concat();
    let finished = run_to_end(&run).await;
    let line = finished.only_line();
    let said = format!("can't open the key-value store `kept` in {file}: it is open already");
    assert!(line.starts_with(&said), "{line}");
    let finished = run_to_end(&[&["check"], &arguments[..]].concat()).await;
    assert_eq!(finished.status, Some(0), "{finished:?}");
}
