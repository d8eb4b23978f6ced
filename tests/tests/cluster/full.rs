//! What is too much.

use std::{fs, path::PathBuf};

use tempfile::TempDir;
use wshost_tests::{Nats, Wire, patiently};

use crate::{has_done, know_each_other, node, open};

/// A file of settings for NATS.
pub(crate) fn settings(text: &str) -> (PathBuf, TempDir) {
    let directory = TempDir::new().expect("a directory can be made");
    let file = directory.path().join("nats.conf");
    fs::write(&file, text).expect("a file can be written");
    (file, directory)
}

#[tokio::test]
async fn what_is_too_long_for_nats_is_refused() {
    let (file, _directory) = settings("max_payload: 10000");
    let nats = Nats::start(&["--config", file.to_str().expect("a path in UTF-8")]).await;
    // As much as NATS takes, but for the head, which nobody is warned of.
    let other = node(&nats.url()).set("payload_max_bytes=10000").start().await;
    let one = node(&nats.url()).start().await;
    know_each_other([&one, &other].into_iter()).await;
    one.log().line_with(&["WARN", "payload_max_bytes", "max_payload"]).await;
    assert_eq!(other.log().lines_with(&["WARN"]), [""; 0]);
    let ((mut a, of_a), (mut b, of_b)) = (open(&one).await, open(&other).await);
    has_done(&mut b, "sub:topic").await;
    let (longest, too_long) = ("x".repeat(9872), "x".repeat(9873));
    a.say(format!("send:{of_b}:{longest}")).await;
    b.texts(&[&format!("direct {of_a} {longest}")]).await;
    a.say(format!("msg:topic:{longest}")).await;
    b.texts(&[&format!("published topic {of_a} {longest}")]).await;
    for refused in ["send:{}:", "call:{}:1000:", "msg:topic:", "pub:topic:"] {
        let script = format!("{}{too_long}", refused.replace("{}", &of_b));
        assert_eq!(a.ask(script).await, "error limit nats_max_payload", "{refused}");
    }
    one.metric_reaches("wshost_limits_hit_total", &["limit=\"nats_max_payload\""], 4).await;
    assert_eq!(one.metric("wshost_cluster_unsent_total", &[]).await, 0);
    // On this node there is no such limit.
    a.say(format!("send:{of_a}:{too_long}")).await;
    a.texts(&[&format!("direct {of_a} {too_long}")]).await;
    has_done(&mut a, &format!("send:{of_b}:last")).await;
    b.texts(&[&format!("direct {of_a} last")]).await;
}

#[tokio::test]
async fn a_topic_that_nats_cannot_have_stays_on_its_node() {
    let nats = Nats::start(&[]).await;
    let large = || node(&nats.url()).set("topic_max_bytes=8192");
    let (one, other) = (large().start().await, large().start().await);
    know_each_other([&one, &other].into_iter()).await;
    let ((mut a, of_a), (mut b, _)) = (open(&one).await, open(&other).await);
    let topic = "x".repeat(4100);
    for client in [&mut a, &mut b] {
        has_done(client, &format!("sub:{topic};sub:short")).await;
    }
    a.say(format!("msg:{topic}:x")).await;
    a.texts(&[&format!("published {topic} {of_a} x")]).await;
    assert_eq!(one.metric("wshost_cluster_unsent_total", &[]).await, 1);
    a.say("msg:short:y").await;
    b.texts(&[&format!("published short {of_a} y")]).await;
    assert!(one.log().lines_with(&["NATS is away"]).is_empty());
}

#[tokio::test]
async fn a_full_queue_is_counted_and_no_reason_to_be_taken_for_dead() {
    let nats = Nats::start(&[]).await;
    let wire = Wire::to(nats.address()).await;
    let one = node(&wire.url()).set("cluster_queue_max_bytes=131072").start().await;
    let other = node(&nats.url()).start().await;
    know_each_other([&one, &other].into_iter()).await;
    let ((mut a, of_a), (mut b, _)) = (open(&one).await, open(&other).await);
    has_done(&mut b, &format!("monitor:{of_a};sub:last")).await;
    wire.cut();
    // More than all buffers on the way take.
    let payload = "x".repeat(100_000);
    while one.metric("wshost_cluster_unsent_total", &[]).await == 0 {
        a.say(format!("times:50:msg:topic:{payload}")).await;
        assert!(a.text().await.starts_with("times 50"));
    }
    wire.mend();
    let heard = async {
        while b.try_say("text:-").await && b.text().await == "-" {
            has_done(&mut a, "msg:last:heard").await;
        }
    };
    patiently("the queue to have room", heard).await;
    know_each_other([&one, &other].into_iter()).await;
    assert!(other.log().lines_with(&["nothing is heard"]).is_empty());
}

#[tokio::test]
async fn what_comes_from_outside_is_held_to_the_settings() {
    let nats = Nats::start(&[]).await;
    let host = node(&nats.url()).set_all(&["payload_max_bytes=10", "topic_max_bytes=10"]);
    let host = host.start().await;
    host.metric_reaches("wshost_cluster_connected", &[], 1).await;
    let (mut a, _) = open(&host).await;
    has_done(&mut a, "sub:>").await;
    let outside = async_nats::connect(nats.url()).await.expect("the server is there");
    for (topic, payload) in [("a", "12345678901"), ("a.topic.too.long", "x"), ("a", "fine")] {
        let subject = format!("wshost.scripted.topic.message.{topic}");
        outside.publish(subject, payload.into()).await.expect("the server is there");
    }
    a.texts(&["published a - fine"]).await;
    assert_eq!(host.metric("wshost_cluster_malformed_total", &[]).await, 2);
}
