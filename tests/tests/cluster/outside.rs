//! Others who speak NATS.

use async_nats::{Client, ConnectOptions, HeaderMap, HeaderValue, Message};
use futures_util::StreamExt as _;
use wshost_tests::{Nats, patiently};

use crate::{full::settings, has_done, node, nodes, open};

async fn publish(client: &Client, subject: &'static str, payload: &'static [u8]) {
    client.publish(subject, payload.into()).await.expect("the server is there");
    client.flush().await.expect("the server is there");
}

#[tokio::test]
async fn who_speaks_nats_publishes_to_topics() {
    let (nats, [one, other]) = nodes().await;
    let outside = async_nats::connect(nats.url()).await.expect("the server is there");
    let ((mut a, of_a), (mut b, _)) = (open(&one).await, open(&other).await);
    for client in [&mut a, &mut b] {
        has_done(client, "sub:rooms.1").await;
    }
    publish(&outside, "wshost.scripted.topic.message.rooms.1", b"hi").await;
    publish(&outside, "wshost.scripted.topic.text.rooms.1", "é".as_bytes()).await;
    for client in [&mut a, &mut b] {
        let mut texts = [client.text().await, client.text().await];
        // Between messages and frames there is no order.
        texts.sort();
        assert_eq!(texts, ["published rooms.1 - hi", "é"]);
    }
    publish(&outside, "wshost.scripted.topic.binary.rooms.1", b"\xff").await;
    assert_eq!(&b.binary().await[..], b"\xff");
    assert_eq!(&a.binary().await[..], b"\xff");
    // What makes no sense is counted, and does no harm.
    publish(&outside, "wshost.scripted.topic.text.rooms.1", b"\xff").await;
    publish(&outside, "wshost.scripted.topic.frame.rooms.1", b"x").await;
    publish(&outside, "wshost.scripted.nodes", b"\x01x").await;
    one.metric_reaches("wshost_cluster_malformed_total", &[], 3).await;
    a.say(format!("send:{of_a}:x")).await;
    a.texts(&[&format!("direct {of_a} x")]).await;
}

#[tokio::test]
async fn who_speaks_nats_hears_what_is_published() {
    let (nats, [one]) = nodes().await;
    let outside = async_nats::connect(nats.url()).await.expect("the server is there");
    let mut heard = outside.subscribe("wshost.*.published.>").await.expect("the server is there");
    outside.flush().await.expect("the server is there");
    let (mut a, of_a) = open(&one).await;
    has_done(&mut a, "pub:rooms.1:frame;msg:a room:message").await;
    for (kind, payload) in [("text.rooms.1", "frame"), ("message.a%20room", "message")] {
        let Message { subject, payload: said, headers, .. } =
            patiently("what is published", heard.next()).await.expect("there is more");
        assert_eq!(*subject, format!("wshost.scripted.published.{kind}"));
        assert_eq!(said, payload);
        let headers = headers.expect("it says who publishes");
        assert_eq!(headers.get("Wshost-From").map(HeaderValue::as_str), Some(&*of_a));
    }
}

#[tokio::test]
async fn nobody_outside_can_be_a_connection() {
    let (nats, [one]) = nodes().await;
    let outside = async_nats::connect(nats.url()).await.expect("the server is there");
    let (mut a, of_a) = open(&one).await;
    has_done(&mut a, "sub:topic").await;
    let mut headers = HeaderMap::new();
    headers.insert("Wshost-From", of_a);
    let subject = "wshost.scripted.topic.message.topic";
    let published = outside.publish_with_headers(subject, headers, "x".into()).await;
    published.expect("the server is there");
    a.texts(&["published topic - x"]).await;
}

#[tokio::test]
async fn permissions_keep_others_to_topics() {
    let (file, _directory) = settings(
        r#"authorization { users = [
            { user: host, password: p }
            { user: other, password: p, permissions: {
                publish: ["wshost.*.topic.>"]
                subscribe: ["wshost.*.topic.>", "wshost.*.published.>"] } }
        ] }"#,
    );
    let nats = Nats::start(&["--config", file.to_str().expect("a path in UTF-8")]).await;
    let host = node(&nats.url().replace("//", "//host:p@")).start().await;
    host.metric_reaches("wshost_cluster_connected", &[], 1).await;
    let (mut a, of_a) = open(&host).await;
    has_done(&mut a, "sub:topic").await;
    let options = ConnectOptions::with_user_and_password("other".into(), "p".into());
    let outside = options.connect(nats.url()).await.expect("the server is there");
    let mut heard = outside.subscribe("wshost.*.published.>").await.expect("the server is there");
    for subject in ["wshost.scripted.published.message.topic", "wshost.scripted.nodes"] {
        publish(&outside, subject, b"forged").await;
    }
    publish(&outside, "wshost.scripted.topic.message.topic", b"as it should be").await;
    a.texts(&["published topic - as it should be"]).await;
    a.say("msg:topic:said").await;
    a.texts(&[&format!("published topic {of_a} said")]).await;
    let Message { payload, .. } =
        patiently("what is published", heard.next()).await.expect("there is more");
    assert_eq!(payload, "said");
    assert_eq!(host.metric("wshost_cluster_malformed_total", &[]).await, 0);
}
