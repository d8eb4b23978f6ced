//! Connections: which there are, what each is, and its end.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wshost_tests::{Client, Mode, each_mode};

use super::{Operator, scripted};

each_mode![it_is_closed_by_the_operator];

/// Those of all pages, in the order they came.
async fn all(operator: &Operator, query: &str) -> (Vec<Value>, usize) {
    let (mut told, mut pages, mut after) = (Vec::new(), 0, String::new());
    loop {
        let page = operator.get(&format!("/v1/connections?{query}{after}")).await.good();
        told.extend(page["connections"].as_array().unwrap().iter().cloned());
        pages += 1;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return (told, pages),
        }
    }
}

fn ids(told: &[Value]) -> Vec<String> {
    told.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_page_has_some_and_the_pages_all_and_nobody_is_woken() {
    let host = scripted().await;
    let operator = Operator::of(&host).await;
    let mut clients: Vec<Client> = Vec::new();
    let mut awake = BTreeSet::new();
    for number in 0..300 {
        let mode = if number % 3 == 0 { Mode::HTTP1 } else { Mode::HTTP1_HIBERNATING };
        let mut client = mode.ask(&host).target("/room").open().await;
        if number % 3 == 0 {
            awake.insert(client.id().await);
        }
        clients.push(client);
    }
    let wakes = host.metric("wshost_wake_seconds_count", &[]).await;
    let (told, pages) = all(&operator, "limit=70").await;
    assert_eq!((told.len(), pages), (300, 5));
    assert!(ids(&told).is_sorted());
    assert_eq!(
        operator.get("/v1/connections").await.good()["connections"].as_array().unwrap().len(),
        100
    );
    let (asleep, _) = all(&operator, "limit=1000&state=asleep").await;
    assert_eq!(asleep.len(), 200);
    assert!(
        asleep
            .iter()
            .all(|one| one["snapshot_bytes"].as_u64() > Some(0) && one["memory_bytes"].is_null())
    );
    let (told, _) = all(&operator, "limit=150&state=awake&peer=127.0.0.0/8&plugin=scripted").await;
    assert_eq!(ids(&told).into_iter().collect::<BTreeSet<_>>(), awake);
    for query in ["peer=192.0.2.1", "plugin=other", "state=busy"] {
        assert_eq!(all(&operator, &format!("limit=1000&{query}")).await.0.len(), 0, "{query}");
    }
    assert_eq!(host.metric("wshost_wake_seconds_count", &[]).await, wakes);
    assert_eq!(host.metric("wshost_snapshots_in_memory", &[]).await, 200);
}

#[tokio::test]
async fn one_tells_of_itself() {
    let host = scripted().await;
    let operator = Operator::of(&host).await;
    let ask = Mode::HTTP2.ask(&host).target("/rooms/1?token=secret");
    let mut client = ask.subprotocols("chat, other").init("subprotocol:chat").open().await;
    let id = client.id().await;
    assert_eq!(client.ask("sub:b;sub:a;timer:600000:x").await, "timer-id 1");
    let told = operator.get(&format!("/v1/connections/{id}")).await;
    assert!(!String::from_utf8_lossy(&told.body).contains("secret"));
    let told = told.good();
    for (name, value) in [
        ("id", json!(id)),
        ("plugin", json!("scripted")),
        ("state", json!("awake")),
        ("path", json!("/rooms/1")),
        ("http", json!("2")),
        ("tls", json!(false)),
        ("subprotocol", json!("chat")),
        ("compression", json!(false)),
        ("timers", json!(1)),
        ("subscriptions", json!(2)),
        ("topics", json!(["a", "b"])),
        ("queued_bytes", json!(0)),
        ("mail", json!(0)),
        ("snapshot_bytes", Value::Null),
        ("version", operator.get("/v1/plugins/scripted").await.good()["version"].clone()),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    assert!(told["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{told}");
    assert!(told["memory_bytes"].as_u64() > Some(0), "{told}");
}

#[tokio::test]
async fn one_that_is_at_work_is_told_of_as_that() {
    let host = scripted().await;
    let operator = Operator::of(&host).await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    let id = client.id().await;
    client.say("wait:5000;text:waited").await;
    host.metric_reaches("wshost_messages_total", &["direction=\"received\""], 2).await;
    let expected = json!({"id": id, "plugin": "scripted", "state": "busy"});
    assert_eq!(operator.get(&format!("/v1/connections/{id}")).await.good(), expected);
    assert_eq!(all(&operator, "state=busy").await.0, [expected]);
    assert_eq!(client.text().await, "waited");
    assert_ne!(operator.get(&format!("/v1/connections/{id}")).await.good()["state"], "busy");
}

async fn it_is_closed_by_the_operator(mode: Mode) {
    let host = scripted().await;
    let operator = Operator::of(&host).await;
    for (body, code, reason) in [
        (json!({}), 1000, ""),
        (json!({"code": 4001, "reason": "not here: é"}), 4001, "not here: é"),
    ] {
        let mut client = mode.ask(&host).open().await;
        let id = client.id().await;
        let path = format!("/v1/connections/{id}");
        for wrong in [json!({"code": 1006}), json!({"reason": "x".repeat(124)})] {
            operator.ask("DELETE", &path, wrong).await.problem(422);
        }
        let closed = operator.ask("DELETE", &path, body).await;
        assert_eq!((closed.status, closed.good()), (202, json!({})));
        assert_eq!(client.closed().await, Some((code, reason.to_owned())));
        assert_eq!(host.terminated(&id).await, "operator");
        assert!(operator.get(&path).await.problem(404).contains(&id));
    }
}
