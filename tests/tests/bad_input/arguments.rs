//! Command lines that can't be followed.

use std::{net::TcpListener, path::Path};

use wshost_tests::{Finished, guest, run_to_end};

async fn run(arguments: &[&str]) -> Finished {
    let plugin = guest("scripted");
    let plugin = plugin.to_str().expect("a path in UTF-8");
    run_to_end(&[&["run", plugin, "--listen", "127.0.0.1:0"], arguments].concat()).await
}

/// It ends with status 1, and its one line contains each of these.
async fn says(arguments: &[&str], parts: &[&str]) {
    let finished = run(arguments).await;
    let line = finished.only_line();
    for part in parts {
        assert!(line.contains(part), "{arguments:?}: `{part}` is missing in: {line}");
    }
}

#[tokio::test]
async fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("a bound socket has an address").to_string();
    let plugin = guest("scripted");
    let plugin = plugin.to_str().expect("a path in UTF-8");
    let finished = run_to_end(&["run", plugin, "--listen", &address]).await;
    let line = finished.only_line();
    assert!(line.starts_with(&format!("can't listen on {address}: ")), "{line}");
    assert!(line.contains("in use") && line.contains("--listen"), "{line}");
}

#[tokio::test]
async fn an_address_of_another_machine() {
    let plugin = guest("scripted");
    let plugin = plugin.to_str().expect("a path in UTF-8");
    let finished = run_to_end(&["run", plugin, "--listen", "192.0.2.1:80"]).await;
    assert!(finished.only_line().starts_with("can't listen on 192.0.2.1:80: "));
}

#[tokio::test]
async fn a_setting_that_is_not_there_and_the_nearest() {
    says(
        &["--set", "idle_timeout=1"],
        &["--set", "`idle_timeout`", "nearest is `idle_timeout_ms`"],
    )
    .await;
    says(&["--set", "mailbox_size=1"], &["--set", "nearest is `mailbox_max`"]).await;
}

#[tokio::test]
async fn a_setting_without_a_value() {
    says(&["--set", "idle_timeout_ms"], &["--set", "`idle_timeout_ms`", "NAME=VALUE"]).await;
}

#[tokio::test]
async fn a_value_that_does_not_fit() {
    for (assignment, name, expected) in [
        ("idle_timeout_ms=soon", "`idle_timeout_ms`", "milliseconds, at least 1, or `infinity`"),
        ("idle_timeout_ms=0", "`idle_timeout_ms`", "at least 1"),
        ("timers_max=-1", "`timers_max`", "a whole number from 1 to"),
        ("timers_max=", "`timers_max`", "a whole number from 1 to"),
        ("callback_time_max_ms=99999999999", "`callback_time_max_ms`", "from 1 to 3600000"),
    ] {
        let value = format!("`{}`", assignment.split_once('=').map_or("", |(_, value)| value));
        says(&["--set", assignment], &["--set", name, &value, expected]).await;
    }
}

#[tokio::test]
async fn settings_that_do_not_go_together() {
    let arguments = ["--set", "send_queue_max_bytes=1000", "--set", "payload_max_bytes=1000"];
    says(&arguments, &["send_queue_max_bytes=1000", "payload_max_bytes=1000", "1008 at least"])
        .await;
    let said = ["mailbox_max_bytes=1000", "payload_max_bytes=1048576", "1048832 at least"];
    says(&["--set", "mailbox_max_bytes=1000"], &said).await;
    says(&["--set", "slow_reader=wait"], &["`slow_reader`", "`close` or `drop`"]).await;
}

#[tokio::test]
async fn a_proxy_protocol_without_a_proxy() {
    says(&["--proxy-protocol"], &["--proxy-protocol: ", "`trust_proxy`", "--trust-proxy"]).await;
    says(&["--tls-key", "key.pem"], &["--tls-key: ", "`tls_cert`", "--tls-cert"]).await;
}

#[tokio::test]
async fn the_first_wrong_setting_is_told() {
    let arguments = ["--set", "timers_max=5", "--set", "nope=1", "--set", "timers_max=x"];
    says(&arguments, &["`nope`"]).await;
}

#[tokio::test]
async fn a_log_filter_that_is_none() {
    says(&["--log", "loud=very=much"], &["`loud=very=much`", "info,guest=debug"]).await;
}

/// The same sentence twice would be no clear line.
#[tokio::test]
async fn a_log_filter_that_is_none_is_explained_once() {
    let finished = run(&["--log", "loud=very=much"]).await;
    assert_eq!(finished.only_line().matches("error parsing level filter").count(), 1);
}

#[tokio::test]
async fn a_cache_that_is_no_directory() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let path = file.path().to_str().expect("a path in UTF-8");
    says(&["--cache", path], &[path, "--cache"]).await;
}

#[tokio::test]
async fn more_room_than_there_is() {
    let arguments = ["--set", "instances_max=100_000", "--set", "memory_max_bytes=4_294_967_296"];
    says(&arguments, &["100000 instances", "lower instances_max"]).await;
}

/// Of these clap tells, with status 2.
#[tokio::test]
async fn what_is_no_argument() {
    for arguments in
        [&["run"][..], &["walk"], &["run", "x.wasm", "--listen", "here"], &["run", "a", "b"], &[]]
    {
        let finished = run_to_end(arguments).await;
        assert_eq!(finished.status, Some(2), "{arguments:?}: {finished:?}");
    }
}

#[tokio::test]
async fn the_help_names_every_setting() {
    let finished = run_to_end(&["run", "--help"]).await;
    assert_eq!(finished.status, Some(0));
    for part in ["--listen", "--set", "--log", "--cache", "idle_timeout_ms=60000", "mailbox_max="] {
        assert!(finished.stdout.contains(part), "`{part}` is missing in: {}", finished.stdout);
    }
}

#[tokio::test]
async fn the_plugin_is_checked_before_anything_is_announced() {
    let finished = run_to_end(&["run", "/nowhere/x.wasm", "--listen", "127.0.0.1:0"]).await;
    assert!(finished.only_line().contains("/nowhere/x.wasm"));
    assert!(!Path::new("/nowhere").exists());
}
