//! The host as a whole.

use serde_json::json;
use wshost_tests::Mode;

use super::{Operator, scripted};

#[tokio::test]
async fn what_is_logged_can_be_changed() {
    let host = scripted().await;
    let operator = Operator::of(&host).await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    assert_eq!(client.ask("log:debug:before;text:done").await, "done");
    host.log().line_with(&["before"]).await;
    let set = operator.ask("PUT", "/v1/log", json!({"filter": "info"})).await;
    assert_eq!(set.good(), json!({"filter": "info"}));
    assert_eq!(client.ask("log:debug:meanwhile;log:info:after;text:done").await, "done");
    host.log().line_with(&["after"]).await;
    assert!(host.log().lines_with(&["meanwhile"]).is_empty());
    assert_eq!(operator.get("/v1/log").await.good(), json!({"filter": "info"}));
    let detail = operator.ask("PUT", "/v1/log", json!({"filter": "a=loud"})).await.problem(422);
    assert!(detail.contains("`a=loud` is no log filter"), "{detail}");
}

#[tokio::test]
async fn the_host_tells_what_it_has() {
    let host = scripted().await;
    let operator = Operator::of(&host).await;
    let mut awake = Mode::HTTP1.ask(&host).open().await;
    assert_eq!(awake.ask("count").await, "count 1");
    let _asleep = Mode::HTTP2_HIBERNATING.ask(&host).open().await;
    let told = operator.get("/v1/host").await.good();
    assert_eq!((&told["plugins"], &told["connections"]), (&json!(1), &json!(2)));
    assert_eq!(told["snapshots"]["in_memory"]["count"], 1);
    assert_eq!(told["instances"]["free"], 999);
    assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
}
