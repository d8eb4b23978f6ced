//! Spans, as a collector gets them.

use tokio::net::TcpListener;
use wshost_tests::{Mode, each_mode};

use crate::collector::{Collector, Span, host_for};

each_mode![a_connection_has_a_span_and_its_callbacks_too];

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A `traceparent` that is sampled, or not.
fn parent(sampled: bool) -> String {
    format!("00-{TRACE}-{PARENT}-0{}", u8::from(sampled))
}

async fn a_connection_has_a_span_and_its_callbacks_too(mode: Mode) {
    let collector = Collector::start().await;
    let host = collector.host().start().await;
    let ask = mode.ask(&host).target("/rooms/1?token=secret").opened("me");
    let ask = ask.header("traceparent", parent(true)).header("tracestate", "a=1");
    let mut client = ask.open().await;
    let id = client.told_id().await;
    assert_eq!(client.ask("count").await, "count 1");
    client.close(Some((4000, "bye"))).await;
    client.finish().await;

    let span = collector.span(|span| span.kind == 2).await;
    let (method, version) = mode.method_and_version();
    let status = mode.opening_status().to_string();
    for (name, value) in [
        ("http.request.method", method),
        ("http.response.status_code", &*status),
        ("url.scheme", "http"),
        ("url.path", "/rooms/1"),
        ("network.protocol.version", version),
        ("network.peer.address", "127.0.0.1"),
        ("client.address", "127.0.0.1"),
        ("wshost.plugin", "scripted"),
        ("wshost.connection", &*id),
        ("wshost.end.side", "peer"),
        ("wshost.end.why", "closed by the peer with 4000"),
        ("wshost.close.code", "4000"),
        ("wshost.close.reason", "bye"),
    ] {
        assert_eq!(span.attribute(name), value, "{name}");
    }
    assert_eq!(span.name, format!("{method} scripted"));
    assert_eq!((&*span.trace, &*span.parent, &*span.state), (TRACE, PARENT, "a=1"));
    assert!(span.parent_is_remote && span.error.is_none());
    assert!(!format!("{span:?}").contains("token"), "what is in a query may be secret");
    assert_eq!(span.resource["service.name"], "wshost");
    assert_eq!(span.resource["deployment.environment.name"], "test");
    assert_eq!(span.api_key, "a secret");

    let under = |child: &Span| child.parent == span.id;
    let mut children = collector.spans(4, under).await;
    children.sort_by_key(|child| child.start_ns);
    let names: Vec<_> = children.iter().map(|child| &*child.name).collect();
    assert_eq!(names, ["init", "opened", "frames", "terminate"]);
    for child in &children {
        assert!(child.trace == TRACE && child.kind == 1 && !child.parent_is_remote);
        assert!(span.start_ns <= child.start_ns && child.end_ns <= span.end_ns);
        let woken = mode.hibernating && ["frames", "terminate"].contains(&&*child.name);
        assert_eq!(child.attribute("wshost.woke") == "true", woken, "{}", child.name);
    }
}

#[tokio::test]
async fn a_request_that_opens_nothing_has_a_span() {
    let collector = Collector::start().await;
    let host = collector.host().start().await;
    assert_eq!(Mode::HTTP1.ask(&host).init("respond:404:no").refused().await.status, 404);
    let span = collector.span(|span| span.kind == 2).await;
    assert_eq!(span.attribute("http.response.status_code"), "404");
    assert!(span.parent.is_empty() && span.error.is_none());
    assert_eq!(Mode::HTTP1.ask(&host).init("trap").refused().await.status, 500);
    let span = collector.span(|span| span.attribute("http.response.status_code") == "500").await;
    assert_eq!(span.attribute("error.type"), "500");
    let init = collector.span(|child| child.parent == span.id).await;
    assert!(init.error.is_some_and(|why| why.contains("unreachable")));
}

#[tokio::test]
async fn what_fails_says_why() {
    let collector = Collector::start().await;
    let host = collector.host().set("trace_callbacks_max_per_second=0").start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    client.say("trap").await;
    client.closed_with(1011).await;
    client.finish().await;
    let span = collector.span(|span| span.kind == 2).await;
    assert_eq!(
        (span.attribute("error.type"), span.attribute("wshost.close.code")),
        ("trap", "1011")
    );
    assert!(span.error.as_ref().is_some_and(|why| why.contains("`frames` trapped")), "{span:?}");
    // It has a span, though no others have.
    let failed = collector.span(|child| child.parent == span.id).await;
    assert_eq!((&*failed.name, failed.attribute("error.type")), ("frames", "trap"));
}

#[tokio::test]
async fn who_is_not_sampled_has_no_span() {
    let collector = Collector::start().await;
    let host = collector.host().start().await;
    let mut left_out = Mode::HTTP1.ask(&host).header("traceparent", parent(false)).open().await;
    assert_eq!(left_out.ask("count").await, "count 1");
    left_out.close(None).await;
    left_out.finish().await;
    let mut sampled = Mode::HTTP1.ask(&host).header("traceparent", "none").open().await;
    let id = sampled.id().await;
    sampled.close(None).await;
    sampled.finish().await;
    let span = collector.span(|span| span.kind == 2).await;
    assert_eq!(span.attribute("wshost.connection"), id);
    assert!(collector.so_far().iter().all(|span| span.trace != TRACE));
}

#[tokio::test]
async fn a_busy_connection_has_a_few_spans() {
    let collector = Collector::start().await;
    let host = collector.host().set("trace_callbacks_max_per_second=2").start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    let frames = 200;
    for count in 1..=frames {
        assert_eq!(client.ask("count").await, format!("count {count}"));
    }
    client.close(None).await;
    client.finish().await;
    let span = collector.span(|span| span.kind == 2).await;
    let left_out: usize = span.attribute("wshost.callbacks_left_out").parse().unwrap();
    // `init`, `opened`, those frames, and `terminate`.
    let children = collector.spans(frames + 3 - left_out, |child| child.parent == span.id).await;
    assert_eq!(children.len() + left_out, frames + 3);
    assert!(left_out > 0);
}

#[tokio::test]
async fn a_collector_that_does_not_answer_holds_up_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = host_for(silent.local_addr().unwrap());
    let host = host.variable("OTEL_BSP_MAX_QUEUE_SIZE", "4").start().await;
    for _ in 0..10 {
        let mut client = Mode::HTTP1.ask(&host).open().await;
        assert_eq!(client.ask("count").await, "count 1");
        client.close(None).await;
        client.finish().await;
    }
    host.metric_reaches("wshost_spans_total", &[r#"result="dropped""#], 1).await;
    host.log().line_with(&["WARN", "a span was dropped", "OTEL_BSP_MAX_QUEUE_SIZE"]).await;
}

#[tokio::test]
async fn the_last_spans_are_sent_at_the_hosts_end() {
    let collector = Collector::start().await;
    // Not by the clock.
    let mut host = collector.host().variable("OTEL_BSP_SCHEDULE_DELAY", "3600000").start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    assert_eq!(client.ask("count").await, "count 1");
    host.stop().await;
    let span = collector.span(|span| span.kind == 2).await;
    assert_eq!(span.attribute("wshost.close.code"), "1001");
}
