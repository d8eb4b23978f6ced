//! The metrics, as Prometheus reads them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;
use wshost_tests::{Host, Mode, guest};

use crate::collector::Collector;

const OPEN_METRICS: &str = "application/openmetrics-text";

/// A host that has met nearly everything that is counted.
async fn experienced(collector: &Collector) -> Host {
    let host = collector.host().set("frame_size_bytes=1000").start().await;
    let mut client = Mode::HTTP1_HIBERNATING.ask(&host).open().await;
    assert_eq!(client.ask("count").await, "count 1");
    let mut failing = Mode::HTTP1.ask(&host).open().await;
    failing.say("trap").await;
    failing.closed_with(1011).await;
    let mut limited = Mode::HTTP1.ask(&host).open().await;
    limited.say("x".repeat(1001)).await;
    limited.closed_with(1009).await;
    Mode::HTTP1.ask(&host).init("refuse").refused().await;
    client.close(None).await;
    client.finish().await;
    host.metric_falls_to("wshost_connections", &[], 0).await;
    host
}

#[tokio::test]
async fn promtool_accepts_them() {
    let promtool = std::env::var_os("WSHOST_TEST_PROMTOOL").expect(
        "WSHOST_TEST_PROMTOOL names no promtool: `cargo xtask test` fetches one and sets it",
    );
    let collector = Collector::start().await;
    let metrics = experienced(&collector).await.metrics("text/plain").await;
    let mut checking = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    checking.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let checked = checking.wait_with_output().unwrap();
    let said = [checked.stdout, checked.stderr].map(|said| String::from_utf8(said).unwrap());
    assert!(checked.status.success() && said.concat().is_empty(), "{said:?}:\n{metrics}");
}

/// The names in a text and their types, which stand before all their values.
fn types(metrics: &str) -> BTreeMap<String, String> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .filter_map(|line| line.split_once(' '))
        .map(|(name, of)| (name.into(), of.into()))
        .collect()
}

#[tokio::test]
async fn both_formats_tell_the_same() {
    let collector = Collector::start().await;
    let host = experienced(&collector).await;
    let (older, newer) = (host.metrics("*/*").await, host.metrics(OPEN_METRICS).await);
    let values = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(values(&older), values(&newer));
    assert!(newer.ends_with("# EOF\n") && !older.contains("# EOF"));
    assert_eq!(types(&newer)["wshost_requests"], "counter");
    assert_eq!(types(&older)["wshost_requests_total"], "counter");
    assert_eq!(types(&older)["wshost_build_info"], "gauge");
}

#[tokio::test]
async fn the_docs_have_each_and_no_other() {
    let collector = Collector::start().await;
    let host = experienced(&collector).await;
    let mut told: BTreeSet<_> = types(&host.metrics("*/*").await).into_keys().collect();
    // Nobody listens there: what it has to tell is told all the same.
    let member = Host::of("echo").argument("--cluster").argument("nats://127.0.0.1:1");
    told.extend(types(&member.start().await.metrics("*/*").await).into_keys());
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/observing.md");
    let docs = fs::read_to_string(path).unwrap();
    let rows = docs
        .lines()
        .filter(|line| line.starts_with("| `wshost_") || line.starts_with("| `process_"));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap().split(','));
    let mut documented: BTreeSet<_> =
        names.map(|name| name.trim().trim_matches('`').to_owned()).collect();
    // Nothing was deployed.
    assert!(documented.remove("wshost_migrations_total"));
    assert_eq!(told, documented);
}

#[tokio::test]
async fn connections_are_counted_by_state() {
    let host = Host::of("scripted").start().await;
    let state = |state: &str| format!("state=\"{state}\"");
    let mut awake = Mode::HTTP1.ask(&host).open().await;
    assert_eq!(awake.ask("count").await, "count 1");
    let mut asleep = Mode::HTTP1_HIBERNATING.ask(&host).open().await;
    assert_eq!(asleep.ask("count").await, "count 1");
    let mut closing = Mode::HTTP1.ask(&host).open_raw().await;
    closing.say("stop").await;
    assert!(closing.close_frame().await.is_some());
    let opening = Mode::HTTP1.ask(&host).init("wait:3600000");
    let opening = tokio::spawn(opening.try_open());
    for each in ["awake", "asleep", "closing", "opening"] {
        host.metric_reaches("wshost_connections", &[&state(each)], 1).await;
    }
    assert_eq!(host.metric("wshost_connections", &[]).await, 4);
    opening.abort();
    drop((awake, asleep, closing));
    host.metric_falls_to("wshost_connections", &[], 0).await;
}

#[tokio::test]
async fn what_a_peer_does_not_take_is_told_as_long_as_it_waits() {
    let host = Host::of("scripted").start().await;
    let mut raw = Mode::HTTP1.ask(&host).open_raw().await;
    raw.say("times:30:bytes:1000000").await;
    host.metric_reaches("wshost_send_queue_bytes", &[], 1_000_000).await;
    drop(raw);
    host.metric_falls_to("wshost_send_queue_bytes", &[], 0).await;
}

#[tokio::test]
async fn mail_is_told_as_long_as_it_waits() {
    let host = Host::of("scripted").start().await;
    let mut busy = Mode::HTTP1.ask(&host).info("text:info").open().await;
    let id = busy.id().await;
    let mut other = Mode::HTTP1.ask(&host).open().await;
    busy.say("log:info:waits;wait:1500").await;
    host.log().line_with(&["guest::scripted: waits"]).await;
    other.say(format!("send:{id}:one;send:{id}:two")).await;
    host.metric_reaches("wshost_mailbox_messages", &[], 2).await;
    assert_eq!(host.metric("wshost_mailbox_bytes", &[]).await, 6);
    busy.texts(&["info", "info"]).await;
    assert_eq!(host.metric("wshost_mailbox_messages", &[]).await, 0);
}

/// A directory with the `scripted` plugin.
fn directory() -> TempDir {
    let directory = TempDir::new().unwrap();
    fs::copy(guest("scripted"), directory.path().join("scripted.wasm")).unwrap();
    directory
}

#[tokio::test]
async fn a_counter_goes_up_even_when_its_plugin_goes() {
    let plugins = directory();
    let host = Host::of_directory(plugins.path()).set("drain_ms=0").start().await;
    let ask = || Mode::HTTP1.ask(&host).target("/scripted");
    let mut deaf = ask().init("only:opened,frames").open().await;
    let (id, mut other) = (deaf.id().await, ask().open().await);
    other.say(format!("send:{id}:one")).await;
    let of_plugin = [r#"plugin="scripted""#];
    host.metric_reaches("wshost_mail_dropped_total", &of_plugin, 1).await;
    fs::remove_file(plugins.path().join("scripted.wasm")).unwrap();
    deaf.closed_with(1012).await;
    assert_eq!(host.metric("wshost_mail_dropped_total", &of_plugin).await, 1);
}

#[tokio::test]
async fn what_is_no_plugin_has_no_series() {
    let plugins = directory();
    // A component, and an empty one.
    fs::write(plugins.path().join("junk.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
    fs::write(plugins.path().join("text.wasm"), "none").unwrap();
    let host = Host::of_directory(plugins.path()).start().await;
    host.log().lines_reach(2, &["ERROR", "not deployed"]).await;
    assert_eq!(Mode::HTTP1.ask(&host).target("/").refused().await.status, 404);
    let metrics = host.metrics("*/*").await;
    let with =
        |label: &str| metrics.lines().filter(|line| line.contains(label)).collect::<Vec<_>>();
    assert_eq!(with(r#"plugin="junk""#), [""; 0]);
    assert_eq!(with(r#"plugin="text""#), [""; 0]);
    let nobody = r#"wshost_requests_total{plugin="",result="not_served"} 1"#;
    assert_eq!(with(r#"plugin="""#), [nobody]);
    assert!(!with(r#"plugin="scripted""#).is_empty());
}

/// A metric of the plugin's that is no whole number.
async fn seconds(host: &Host, name: &str) -> f64 {
    let metrics = host.metrics("*/*").await;
    let start = format!("{name}{{plugin=\"scripted\"}} ");
    let line = metrics.lines().find(|line| line.starts_with(&start)).unwrap();
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn what_a_plugin_takes_is_told() {
    let host = Host::of("scripted").set("callback_time_max_ms=50").start().await;
    let before = seconds(&host, "wshost_callback_run_seconds_total").await;
    let mut looping = Mode::HTTP1.ask(&host).open().await;
    assert_eq!(looping.ask("count").await, "count 1");
    assert!(host.metric("wshost_instance_memory_bytes", &[]).await >= 64 * 1024);
    looping.say("loop").await;
    looping.closed_with(1011).await;
    // Its handler has run for all of its time.
    assert!(seconds(&host, "wshost_callback_run_seconds_total").await >= before + 0.05);
    host.metric_falls_to("wshost_instance_memory_bytes", &[], 0).await;
    let usage = host.metric("process_resident_memory_bytes", &[]).await;
    assert!(usage > 1024 * 1024, "{usage}");
}
