//! From the request to the open WebSocket: rows 1 to 7.

use wshost_tests::{
    BINARY, CLOSE, Frame, Host, Mode, TEXT, close_payload, each_mode, exchange, pattern,
};

each_mode![
    row_01_init_gets_the_request,
    row_01_what_is_not_there_is_told_apart_from_what_is_empty,
    row_02_init_answers_with_a_response,
    row_02_a_refusal_is_400,
    row_02_the_instance_of_a_refusal_makes_room,
    row_03_an_upgrade_that_is_accepted_opens,
    row_04_a_subprotocol_offered_is_picked,
    row_04_a_subprotocol_not_offered_is_500,
    row_04_none_picked_is_said_once,
    row_05_headers_are_added,
    row_05_a_header_of_the_handshake_is_500,
    row_06_max_frame_size_is_set,
    row_06_max_frame_size_is_1_mb_by_default,
    row_06_max_frame_size_is_capped_at_32_mib,
    row_06_the_operator_caps_max_frame_size,
    row_06_idle_timeout_is_set,
    row_06_the_operators_idle_timeout_is_the_default,
    row_06_the_operator_caps_idle_timeout,
    row_06_what_is_offered_is_valid_without_compression,
    row_07_opened_sends_before_any_frame_is_given,
    row_07_opened_runs_once,
    row_07_opened_is_optional,
    row_07_init_is_not_open_yet,
];

fn line<'a>(report: &'a str, key: &str) -> &'a str {
    let found = report.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {key} in {report}"))
}

async fn row_01_init_gets_the_request(mode: Mode) {
    let host = Host::shared().await;
    let ask = mode.ask(&host).target("/a%20b/c?x=1&y=%2F").subprotocols("one, two");
    let ask = ask.header("x-a", "1").header("x-b", "2").header("x-a", "3");
    let mut client = ask.header("x-bytes", b"caf\xe9").open().await;
    let report = client.ask("request").await;
    let (method, version) = mode.method_and_version();
    for (key, value) in [
        ("method", method),
        ("scheme", "http"),
        ("authority", &host.address().to_string()),
        ("path", "/a%20b/c"),
        ("query", "x=1&y=%2F"),
        ("version", version),
        ("peer", "127.0.0.1"),
        ("tls", "-"),
        ("upgrade", "true"),
        ("subprotocols", "one,two"),
        ("parameters", ""),
    ] {
        assert_eq!(line(&report, key), value, "{key} in {report}");
    }
    let headers: Vec<_> = report.lines().filter(|line| line.starts_with("header x-")).collect();
    let expected =
        ["header x-a: 1", "header x-a: 3", "header x-b: 2", "header x-bytes: caf\u{fffd}"];
    let headers: Vec<_> = headers.into_iter().filter(|line| !line.contains("hibernate")).collect();
    assert_eq!(headers, expected);
    let id = line(&report, "id").to_owned();
    assert_eq!(client.id().await, id);
    assert_ne!(mode.ask(&host).open().await.id().await, id);
}

async fn row_01_what_is_not_there_is_told_apart_from_what_is_empty(mode: Mode) {
    let host = Host::shared().await;
    let report = mode.ask(&host).open().await.ask("request").await;
    assert_eq!((line(&report, "query"), line(&report, "subprotocols")), ("-", ""));
    let report = mode.ask(&host).target("/?").open().await.ask("request").await;
    assert_eq!((line(&report, "path"), line(&report, "query")), ("/", ""));
}

async fn row_02_init_answers_with_a_response(mode: Mode) {
    let host = Host::shared().await;
    let init = "respond:418:tea: only;header:x-pot:short;header:x-pot:stout";
    let response = mode.ask(&host).init(init).refused().await;
    assert_eq!((response.status, response.text()), (418, "tea: only".to_owned()));
    assert_eq!(response.header("x-pot"), "short, stout");
    assert_eq!(response.header("content-length"), "9");
}

async fn row_02_a_refusal_is_400(mode: Mode) {
    let host = Host::shared().await;
    assert_eq!(mode.ask(&host).init("refuse").refused().await.status, 400);
}

async fn row_02_the_instance_of_a_refusal_makes_room(mode: Mode) {
    // One place, whose holder can't sleep.
    let settings = ["instances_max=1", "snapshots_max_bytes=1", "instance_wait_max_ms=10"];
    let host = Host::of("scripted").set_all(&settings).start().await;
    for init in ["refuse", "respond:204", "trap", "refuse"] {
        mode.ask(&host).init(init).refused().await;
    }
    let mut first = mode.ask(&host).init("only:frames").open().await;
    assert_eq!(first.ask("count").await, "count 1");
    let second = mode.ask(&host).refused().await;
    assert_eq!((second.status, second.header("retry-after")), (503, "1".to_owned()));
    assert_eq!(first.ask("count").await, "count 2");
    host.log().line_with(&["instances_max"]).await;
}

async fn row_03_an_upgrade_that_is_accepted_opens(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).init("accept").open().await;
    assert_eq!(client.response.status, mode.opening_status());
    assert_eq!(client.ask("not a script").await, "not a script");
}

/// Sends a request of these header lines, besides the Host, over HTTP/1.1.
async fn plain(host: &Host, first_line: &str, headers: &[&str]) -> String {
    let mut request = format!("{first_line}\r\nHost: {}\r\n", host.address());
    for header in headers {
        request += &format!("{header}\r\n");
    }
    exchange(host.address(), request + "\r\n").await
}

#[tokio::test]
async fn row_03_without_an_upgrade_accepting_is_426() {
    let host = Host::shared().await;
    let answer = plain(&host, "GET / HTTP/1.1", &["Connection: close"]).await;
    assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{answer}");
    let answer = answer.to_ascii_lowercase();
    assert!(answer.contains("\r\nupgrade: websocket\r\n"), "{answer}");
    assert!(answer.contains("\r\nsec-websocket-version: 13\r\n"), "{answer}");
}

#[tokio::test]
async fn row_03_without_an_upgrade_init_may_answer() {
    let host = Host::shared().await;
    for method in ["GET", "POST", "DELETE"] {
        let line = format!("{method} /health HTTP/1.1");
        let headers = ["Connection: close", "x-init: respond:200:fine"];
        let answer = plain(&host, &line, &headers).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nfine"), "{answer}");
    }
    let answer = plain(&host, "GET / HTTP/1.1", &["Connection: close", "x-init: refuse"]).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn row_03_one_socket_may_ask_several_times() {
    let host = Host::shared().await;
    let answer = plain(
        &host,
        "GET / HTTP/1.1\r\nHost: here\r\nx-init: respond:200:first\r\n\r\nGET / HTTP/1.1",
        &["Connection: close", "x-init: respond:201:second"],
    )
    .await;
    assert!(answer.contains("first") && answer.ends_with("second"), "{answer}");
}

#[tokio::test]
async fn row_03_a_malformed_handshake_is_400_and_wakes_nobody() {
    const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket";
    const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    const VERSION: &str = "Sec-WebSocket-Version: 13";
    const GET: &str = "GET / HTTP/1.1";
    let host = Host::shared().await;
    let woken = "x-init: log:info:woken by what is malformed";
    for (line, headers) in [
        ("POST / HTTP/1.1", &[UPGRADE, KEY, VERSION][..]),
        ("GET / HTTP/1.0", &[UPGRADE, KEY, VERSION]),
        (GET, &[KEY, VERSION, "Connection: close"]),
        (GET, &["Connection: close", "Upgrade: websocket", KEY, VERSION]),
        (GET, &[UPGRADE, VERSION]),
        (GET, &[UPGRADE, KEY, KEY, VERSION]),
        (GET, &[UPGRADE, VERSION, "Sec-WebSocket-Key: dGhlIHNhbXBsZQ=="]),
        (GET, &[UPGRADE, VERSION, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ==="]),
        (GET, &[UPGRADE, KEY, VERSION, "Content-Length: 1"]),
        (GET, &[UPGRADE, KEY, VERSION, "Sec-WebSocket-Protocol: a b"]),
        (GET, &[UPGRADE, KEY, VERSION, "Sec-WebSocket-Protocol: a, a"]),
        (GET, &[UPGRADE, KEY, VERSION, "Sec-WebSocket-Extensions: ;"]),
        (GET, &[UPGRADE, KEY, VERSION, "Host: twice"]),
    ] {
        let answer = plain(&host, line, &[headers, &[woken, "Connection: close"]].concat()).await;
        assert_eq!(answer.get(8..12), Some(" 400"), "{headers:?}: {answer}");
    }
    for versions in [&["Sec-WebSocket-Version: 8"][..], &[]] {
        let headers = [&[UPGRADE, KEY, woken, "Connection: close"], versions].concat();
        let answer = plain(&host, GET, &headers).await.to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 426 "), "{answer}");
        assert!(answer.contains("\r\nsec-websocket-version: 13\r\n"), "{answer}");
    }
    let headers = ["Connection: close", "x-init: log:info:last of this test;refuse"];
    plain(&host, GET, &headers).await;
    host.log().line_with(&["last of this test"]).await;
    assert_eq!(host.log().lines_with(&["woken by what is malformed"]), [""; 0]);
}

async fn row_04_a_subprotocol_offered_is_picked(mode: Mode) {
    let host = Host::shared().await;
    let ask = mode.ask(&host).subprotocols("v12.stomp, mqtt").init("subprotocol:mqtt");
    let mut client = ask.open().await;
    assert_eq!(client.response.header("sec-websocket-protocol"), "mqtt");
    assert_eq!(client.ask("count").await, "count 1");
}

async fn row_04_a_subprotocol_not_offered_is_500(mode: Mode) {
    let host = Host::shared().await;
    for (offered, picked) in [(Some("v12.stomp"), "mqtt"), (None, "amqp"), (Some("MQTT"), "mQTT")] {
        let mut ask = mode.ask(&host).init(&format!("subprotocol:{picked}"));
        if let Some(offered) = offered {
            ask = ask.subprotocols(offered);
        }
        assert_eq!(ask.refused().await.status, 500);
        let why = format!("`{picked}` was not offered");
        let said = ["WARN", "plugin=scripted", "connection=", "callback=\"init\"", &why];
        host.log().line_with(&said).await;
    }
}

async fn row_04_none_picked_is_said_once(mode: Mode) {
    let mut host = Host::of("scripted").start().await;
    for _ in 0..3 {
        let mut client = mode.ask(&host).subprotocols("a, b").open().await;
        assert!(!client.response.headers.contains_key("sec-websocket-protocol"));
        assert_eq!(client.ask("count").await, "count 1");
    }
    host.stop().await;
    let said = host.log().lines_with(&["WARN", "plugin=scripted", "none of the subprotocols"]);
    assert_eq!(said.len(), 1, "{said:?}");
}

async fn row_05_headers_are_added(mode: Mode) {
    let host = Host::shared().await;
    let init = "header:x-a:1;header:set-cookie:a=1;header:set-cookie:b=2: x";
    let mut client = mode.ask(&host).init(init).open().await;
    assert_eq!(client.response.header("x-a"), "1");
    assert_eq!(client.response.header("set-cookie"), "a=1, b=2: x");
    assert_eq!(client.ask("count").await, "count 1");
}

async fn row_05_a_header_of_the_handshake_is_500(mode: Mode) {
    let host = Host::shared().await;
    for name in [
        "connection",
        "upgrade",
        "sec-websocket-accept",
        "sec-websocket-protocol",
        "sec-websocket-extensions",
        "content-length",
        "transfer-encoding",
    ] {
        let init = format!("header:{name}:1");
        assert_eq!(mode.ask(&host).init(&init).refused().await.status, 500);
        let said = ["WARN", "callback=\"init\"", &format!("`{name}`")];
        host.log().line_with(&said).await;
    }
}

/// A message of `largest` bytes is taken, one of a byte more is not.
async fn takes_at_most(mode: Mode, host: &Host, init: &str, largest: usize) {
    let mut client = mode.ask(host).init(init).open().await;
    client.send(pattern(largest).into()).await;
    assert!(client.binary().await == pattern(largest), "{largest} bytes came back otherwise");
    let mut raw = mode.ask(host).init(init).open_raw().await;
    raw.write(Frame::new(BINARY, "").header(largest as u64 + 1)).await;
    raw.closed_with(1009).await;
}

async fn row_06_max_frame_size_is_set(mode: Mode) {
    let host = Host::shared().await;
    takes_at_most(mode, &host, "max:10", 10).await;
    takes_at_most(mode, &host, "max:3000000", 3_000_000).await;
}

async fn row_06_max_frame_size_is_1_mb_by_default(mode: Mode) {
    let host = Host::shared().await;
    takes_at_most(mode, &host, "accept", 1_000_000).await;
}

async fn row_06_max_frame_size_is_capped_at_32_mib(mode: Mode) {
    let host = Host::of("scripted").set("memory_max_bytes=200_000_000").start().await;
    takes_at_most(mode, &host, "max:9999999999", 32 << 20).await;
}

async fn row_06_the_operator_caps_max_frame_size(mode: Mode) {
    let host = Host::of("scripted").set("frame_size_max_bytes=100").start().await;
    takes_at_most(mode, &host, "max:1000", 100).await;
    takes_at_most(mode, &host, "accept", 100).await;
    takes_at_most(mode, &host, "max:99", 99).await;
}

/// A peer that says nothing is closed for it.
async fn times_out(mode: Mode, host: &Host, init: &str) {
    let mut client = mode.ask(host).init(init).opened("me").open().await;
    let id = client.told_id().await;
    client.closed_with(1000).await;
    assert_eq!(host.terminated(&id).await, "timeout");
}

async fn row_06_idle_timeout_is_set(mode: Mode) {
    let host = Host::shared().await;
    times_out(mode, &host, "idle:200").await;
}

async fn row_06_the_operators_idle_timeout_is_the_default(mode: Mode) {
    let host = Host::of("scripted").set("idle_timeout_ms=200").start().await;
    // For this one the time never comes.
    let mut patient = mode.ask(&host).init("idle:infinity").open().await;
    times_out(mode, &host, "accept").await;
    assert_eq!(patient.ask("count").await, "count 1");
}

async fn row_06_the_operator_caps_idle_timeout(mode: Mode) {
    let host = Host::of("scripted").set("idle_timeout_max_ms=200").start().await;
    for init in ["accept", "idle:infinity", "idle:100000"] {
        times_out(mode, &host, init).await;
    }
}

async fn row_06_what_is_offered_is_valid_without_compression(mode: Mode) {
    let host = Host::shared().await;
    let ask = mode.ask(&host).header("sec-websocket-extensions", "x-unheard-of; a=1");
    let mut client = ask.init("compress").open().await;
    assert!(!client.response.headers.contains_key("sec-websocket-extensions"));
    assert_eq!(client.ask("deflate:true;text:a;deflate:false").await, "a");
}

async fn row_07_opened_sends_before_any_frame_is_given(mode: Mode) {
    let host = Host::shared().await;
    let ask = mode.ask(&host).opened("text:hello;binary:00ff;count");
    let mut raw = ask.open_raw().await;
    raw.say("count").await;
    assert_eq!(raw.text().await, "hello");
    assert_eq!(raw.next().await.map(|frame| frame.payload), Some(vec![0, 255]));
    assert_eq!(raw.text().await, "count 1");
    assert_eq!(raw.text().await, "count 2");
}

/// Over HTTP/1.1 a client may speak before it has read the 101.
#[tokio::test]
async fn row_07_what_came_with_the_request_is_not_lost() {
    let host = Host::shared().await;
    let close = Frame::new(CLOSE, close_payload(1000, "")).encode();
    let mut request = format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         x-opened: text:hello\r\n\r\n",
        host.address()
    )
    .into_bytes();
    request.extend(Frame::new(TEXT, "early").encode());
    request.extend(close);
    let answer = exchange(host.address(), request).await;
    assert!(answer.to_lowercase().contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{answer}");
    assert!(answer.contains("\r\n\r\n\u{fffd}\u{5}hello\u{fffd}\u{5}early"), "{answer:?}");
}

async fn row_07_opened_runs_once(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).opened("count;timer:1:go").open().await;
    client.texts(&["count 1", "timer-id 1", "timer 1 go"]).await;
    assert_eq!(client.ask("count").await, "count 2");
    assert_eq!(client.ask("count").await, "count 3");
}

async fn row_07_opened_is_optional(mode: Mode) {
    let host = Host::shared().await;
    let ask = mode.ask(&host).init("only:frames").opened("text:not wanted");
    assert_eq!(ask.open().await.ask("count").await, "count 1");
}

async fn row_07_init_is_not_open_yet(mode: Mode) {
    let host = Host::shared().await;
    let other = mode.ask(&host).open().await.id().await;
    let init = format!(
        "timer:1:x;sub:t;unsub:t;pub:t:x;pub-others:t:x;msg:t:x;msg-others:t:x;send:{other}:x;cancel:1"
    );
    let mut client = mode.ask(&host).init(&init).open().await;
    let notes = client.ask("notes").await;
    let expected = ["error not-open"; 8].join("\n") + "\nok";
    assert_eq!(notes, expected);
}
