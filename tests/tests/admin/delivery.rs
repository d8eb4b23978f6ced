//! A web backend pushes to sockets and handlers.

use serde_json::json;
use wshost_tests::{Client, Host, Mode, each_mode};

use super::{Operator, scripted, with_token};

each_mode![
    a_message_comes_to_info,
    a_frame_goes_to_the_socket,
    who_subscribes_gets_what_is_published,
];

fn delivered(delivered: usize, dropped: usize) -> serde_json::Value {
    json!({"delivered": delivered, "dropped": dropped})
}

async fn opened(mode: Mode) -> (Host, Operator, Client, String) {
    let host = scripted().await;
    let operator = Operator::of(&host).await;
    let mut client = mode.ask(&host).open().await;
    let path = format!("/v1/connections/{}/send", client.id().await);
    (host, operator, client, path)
}

async fn a_message_comes_to_info(mode: Mode) {
    let (_host, operator, mut client, path) = opened(mode).await;
    let sent = operator.ask("POST", &path, json!({"message": {"text": "hello é"}})).await;
    assert_eq!(sent.good(), delivered(1, 0));
    assert_eq!(client.text().await, "operator hello é");
    let sent = operator.ask("POST", &path, json!({"message": {"binary": "aGk="}})).await;
    assert_eq!(sent.good(), delivered(1, 0));
    assert_eq!(client.text().await, "operator hi");
}

async fn a_frame_goes_to_the_socket(mode: Mode) {
    let (host, operator, mut client, path) = opened(mode).await;
    let wakes = host.metric("wshost_wake_seconds_count", &[]).await;
    let sent = operator.ask("POST", &path, json!({"frame": {"text": "close:4000"}})).await;
    assert_eq!(sent.good(), delivered(1, 0));
    assert_eq!(client.text().await, "close:4000");
    let sent = operator.ask("POST", &path, json!({"frame": {"binary": "AP8="}})).await;
    assert_eq!(sent.good(), delivered(1, 0));
    assert_eq!(client.binary().await, [0, 255].as_slice());
    if mode.hibernating {
        assert_eq!(host.metric("wshost_wake_seconds_count", &[]).await, wakes);
    }
}

async fn who_subscribes_gets_what_is_published(mode: Mode) {
    let host = scripted().await;
    let operator = Operator::of(&host).await;
    let mut clients = Vec::new();
    for topic in ["a/b c", "a/b c", "other"] {
        let mut client = mode.ask(&host).open().await;
        assert_eq!(client.ask(format!("sub:{topic};text:in")).await, "in");
        clients.push(client);
    }
    let path = "/v1/plugins/scripted/topics/a%2Fb%20c/publish";
    let published = operator.ask("POST", path, json!({"frame": {"text": "frame"}})).await;
    assert_eq!(published.good(), delivered(2, 0));
    let published = operator.ask("POST", path, json!({"message": {"text": "message"}})).await;
    assert_eq!(published.good(), delivered(2, 0));
    for client in &mut clients[..2] {
        client.texts(&["frame", "published a/b c - message"]).await;
    }
    assert_eq!(clients[2].ask("text:nothing").await, "nothing");
    let nobody = operator.ask(
        "POST",
        "/v1/plugins/scripted/topics/none/publish",
        json!({"frame": {"text": "x"}}),
    );
    assert_eq!(nobody.await.good(), delivered(0, 0));
}

#[tokio::test]
async fn what_is_published_wakes_nobody() {
    let host = scripted().await;
    let operator = Operator::of(&host).await;
    let mut client = Mode::HTTP1_HIBERNATING.ask(&host).open().await;
    assert_eq!(client.ask("sub:news;text:in").await, "in");
    host.metric_reaches("wshost_hibernations_total", &[], 2).await;
    let wakes = host.metric("wshost_wake_seconds_count", &[]).await;
    let path = "/v1/plugins/scripted/topics/news/publish";
    operator.ask("POST", path, json!({"frame": {"text": "a"}})).await.good();
    assert_eq!(client.text().await, "a");
    assert_eq!(host.metric("wshost_wake_seconds_count", &[]).await, wakes);
}

#[tokio::test]
async fn what_is_too_large_or_wrong_is_named() {
    let builder = with_token(Host::of("scripted")).set_all(&[
        "payload_max_bytes=10",
        "topic_max_bytes=5",
        "mailbox_max=1",
    ]);
    let host = builder.start().await;
    let operator = Operator::of(&host).await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    let send = format!("/v1/connections/{}/send", client.id().await);
    let publish = "/v1/plugins/scripted/topics/news/publish";
    for path in [&*send, publish] {
        for body in [
            json!({"frame": {"text": "12345678901"}}),
            json!({"message": {"binary": "MTIzNDU2Nzg5MDE="}}),
        ] {
            let detail = operator.ask("POST", path, body).await.problem(413);
            assert!(detail.contains("payload_max_bytes"), "{detail}");
        }
        for body in [
            json!({}),
            json!({"frame": {}}),
            json!({"frame": {"text": "a", "binary": "b"}}),
            json!({"frame": {"text": "a"}, "message": {"text": "a"}}),
            json!({"frame": {"binary": "?"}}),
            json!({"frame": {"text": 1}}),
            json!("frame"),
        ] {
            operator.ask("POST", path, body).await.problem(422);
        }
    }
    let frame = || json!({"frame": {"text": "a"}});
    for (topic, why) in [("longer", "topic_max_bytes"), ("a%0Ab", "control characters")] {
        let path = format!("/v1/plugins/scripted/topics/{topic}/publish");
        let detail = operator.ask("POST", &path, frame()).await.problem(422);
        assert!(detail.contains(why), "{detail}");
    }
    // One is being handled, one waits, and there is no room for a third.
    client.say("wait:1000;text:waited").await;
    host.metric_reaches("wshost_messages_total", &["direction=\"received\""], 2).await;
    let message = || json!({"message": {"text": "a"}});
    assert_eq!(operator.ask("POST", &send, message()).await.good(), delivered(1, 0));
    assert_eq!(operator.ask("POST", &send, message()).await.good(), delivered(0, 1));
    client.texts(&["waited", "operator a"]).await;
}
