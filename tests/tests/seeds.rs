//! What Cowboy's guide to WebSocket handlers shows, snippet by snippet, as it
//! behaves here: by the example guests, or by `scripted` where the guide shows
//! one line of code.

use std::fs;

use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;
use wshost_tests::{
    BINARY, Client, Frame, Host, Mode, PING, PONG, TEXT, each_mode, each_transport, exchange,
    guest, pattern,
};

each_transport![
    upgrade_is_accepted,
    upgrade_is_understood_by_a_client_of_its_own,
    subprotocol_mqtt_is_picked,
    subprotocol_other_than_mqtt_is_refused,
    subprotocol_need_not_be_asked_for,
    receiving_text_is_echoed,
    receiving_pings_is_left_to_the_host,
    ticker_counts,
    ticker_refuses_what_is_no_time,
    counter_keeps_its_state_over_sleep,
    chat_tells_who_comes_and_goes,
    chat_keeps_rooms_apart,
    chat_gives_names,
    chat_tells_of_those_who_vanish,
    chat_passes_private_messages_to_one,
    chat_tells_who_comes_what_was_said,
];

each_mode![
    initialization_starts_a_timer,
    initialization_sends_a_frame,
    info_forwards_a_message,
    sending_nothing,
    sending_one_frame,
    sending_many_frames_at_once,
    closing_by_stop,
    closing_with_a_reason,
    frames_behind_a_close_are_not_sent,
    a_frame_size_is_set,
];

async fn upgrade_is_accepted(mode: Mode) {
    let host = Host::of("echo").start().await;
    let client = mode.ask(&host).open().await;
    assert_eq!(client.response.status, mode.opening_status());
}

/// The handshake by tungstenite, which the other tests do themselves.
async fn upgrade_is_understood_by_a_client_of_its_own(_: Mode) {
    use futures_util::{SinkExt as _, StreamExt as _};
    let host = Host::of("echo").start().await;
    let url = format!("ws://{}/", host.address());
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.expect("a WebSocket");
    socket.send(Message::text("hello")).await.expect("the host takes a text");
    let answer = socket.next().await.expect("an answer").expect("a message");
    assert_eq!(answer, Message::text("hello"));
    socket.close(None).await.expect("the host takes a Close");
}

async fn subprotocol_mqtt_is_picked(mode: Mode) {
    let host = Host::of("subprotocol").start().await;
    let client = mode.ask(&host).subprotocols("v12.stomp, mqtt").open().await;
    assert_eq!(client.response.header("sec-websocket-protocol"), "mqtt");
}

async fn subprotocol_other_than_mqtt_is_refused(mode: Mode) {
    let host = Host::of("subprotocol").start().await;
    let response = mode.ask(&host).subprotocols("v12.stomp").refused().await;
    assert_eq!(response.status, 400);
    assert_eq!(response.text(), "the only subprotocol here is mqtt\n");
}

async fn subprotocol_need_not_be_asked_for(mode: Mode) {
    let host = Host::of("subprotocol").start().await;
    let client = mode.ask(&host).open().await;
    assert!(!client.response.headers.contains_key("sec-websocket-protocol"));
}

async fn initialization_starts_a_timer(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).opened("timer:1000:Hello!").open().await;
    client.texts(&["timer-id 1", "timer 1 Hello!"]).await;
}

async fn initialization_sends_a_frame(mode: Mode) {
    let host = Host::shared().await;
    mode.ask(&host).opened("text:Hello!").open().await.texts(&["Hello!"]).await;
}

async fn receiving_text_is_echoed(mode: Mode) {
    let host = Host::of("echo").start().await;
    let mut client = mode.ask(&host).open().await;
    for text in ["Hello!", "", "✓ 𝄞", &"long ".repeat(10_000)] {
        assert_eq!(client.ask(text).await, text);
    }
    for length in [0, 1, 126, 65_536] {
        client.send(pattern(length).into()).await;
        assert_eq!(client.binary().await, pattern(length));
    }
}

async fn receiving_pings_is_left_to_the_host(mode: Mode) {
    let host = Host::of("echo").start().await;
    let mut raw = mode.ask(&host).open_raw().await;
    raw.send(&[Frame::new(PING, "a"), Frame::new(PONG, "b"), Frame::new(TEXT, "c")]).await;
    let pong = raw.next().await;
    assert_eq!(pong, Some(Frame::new(PONG, "a").unmasked()));
    assert_eq!(raw.text().await, "c");
}

async fn info_forwards_a_message(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    let mut logger = mode.ask(&host).open().await;
    let (to, from) = (client.id().await, logger.id().await);
    logger.say(format!("send:{to}:a line of the log")).await;
    client.texts(&[&format!("direct {from} a line of the log")]).await;
}

async fn sending_nothing(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    client.say("hibernate").await;
    assert_eq!(client.ask("text:first").await, "first");
}

async fn sending_one_frame(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).opened("timer:1:x").info("text:Hello!").open().await;
    client.texts(&["timer-id 1", "Hello!"]).await;
}

async fn sending_many_frames_at_once(mode: Mode) {
    let host = Host::shared().await;
    let many = format!("text:Hello;text:world!;binary:{}", "00".repeat(1000));
    let mut raw = mode.ask(&host).open_raw().await;
    raw.say(&many).await;
    assert_eq!((raw.text().await, raw.text().await), ("Hello".into(), "world!".into()));
    assert_eq!(raw.next().await, Some(Frame::new(BINARY, [0; 1000]).unmasked()));
}

async fn ticker_counts(mode: Mode) {
    let host = Host::of("ticker").start().await;
    let mut client = mode.ask(&host).target("/?every=20").open().await;
    client.texts(&["1", "2", "3", "4", "5"]).await;
    let mut client = mode.ask(&host).open().await;
    client.texts(&["1", "2"]).await;
}

async fn ticker_refuses_what_is_no_time(mode: Mode) {
    let host = Host::of("ticker").start().await;
    for target in ["/?every=0", "/?every=soon"] {
        assert_eq!(mode.ask(&host).target(target).refused().await.status, 400);
    }
}

async fn counter_keeps_its_state_over_sleep(mode: Mode) {
    let host = Host::of("counter").start().await;
    let mut client = mode.ask(&host).open().await;
    let mut other = mode.ask(&host).open().await;
    for (text, total) in [("5", "5"), ("hello", "6"), ("-2", "4")] {
        assert_eq!(client.ask(text).await, total);
    }
    assert_eq!(other.ask("").await, "1");
    assert_eq!(client.ask("").await, "5");
}

async fn closing_by_stop(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).opened("timer:1:x").info("stop").open().await;
    client.texts(&["timer-id 1"]).await;
    assert_eq!(client.closed().await, Some((1000, String::new())));
}

async fn closing_with_a_reason(mode: Mode) {
    let host = Host::shared().await;
    let ask = mode.ask(&host).opened("timer:1:x").info("close:1000:some-reason");
    let mut client = ask.open().await;
    client.texts(&["timer-id 1"]).await;
    assert_eq!(client.closed().await, Some((1000, "some-reason".to_owned())));
}

async fn frames_behind_a_close_are_not_sent(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    client.say("text:sent;close;text:not sent").await;
    client.texts(&["sent"]).await;
    assert_eq!(client.closed().await, None);
}

async fn a_frame_size_is_set(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).init("idle:30000;max:8000000").open().await;
    client.send(pattern(8_000_000).into()).await;
    assert!(client.binary().await == pattern(8_000_000));
    client.send(pattern(8_000_001).into()).await;
    client.closed_with(1009).await;
}

async fn enter(mode: Mode, host: &Host, target: &str) -> Client {
    mode.ask(host).target(target).open().await
}

async fn chat_tells_who_comes_and_goes(mode: Mode) {
    let host = Host::of("chat").start().await;
    let mut ann = enter(mode, &host, "/chat/rust?name=Ann").await;
    ann.texts(&["* Ann joined rust"]).await;
    let mut bob = enter(mode, &host, "/chat/rust?name=Bob%20B.").await;
    bob.texts(&["* Bob B. joined rust"]).await;
    ann.texts(&["* Bob B. joined rust"]).await;
    for (client, line) in [(0, "hello: all"), (1, "hello, Ann ✓"), (0, "")] {
        let (name, speaker) = if client == 0 { ("Ann", &mut ann) } else { ("Bob B.", &mut bob) };
        speaker.say(line).await;
        let said = format!("{name}: {line}");
        ann.texts(&[&said]).await;
        bob.texts(&[&said]).await;
    }
    bob.say("/quit").await;
    bob.closed_with(1000).await;
    ann.texts(&["* Bob B. left"]).await;
    ann.close(Some((1000, "bye"))).await;
    assert_eq!(ann.closed().await, Some((1000, "bye".to_owned())));
}

async fn chat_keeps_rooms_apart(mode: Mode) {
    let host = Host::of("chat").start().await;
    let mut rust = enter(mode, &host, "/chat/rust?name=Ann").await;
    let mut wasm = enter(mode, &host, "/wasm?name=Ann").await;
    let mut lobby = enter(mode, &host, "/?name=Ann").await;
    rust.texts(&["* Ann joined rust"]).await;
    wasm.texts(&["* Ann joined wasm"]).await;
    lobby.texts(&["* Ann joined lobby"]).await;
    for (client, line) in [(&mut rust, "rust"), (&mut wasm, "wasm"), (&mut lobby, "lobby")] {
        client.say(line).await;
        client.texts(&[&format!("Ann: {line}")]).await;
    }
}

async fn chat_gives_names(mode: Mode) {
    let host = Host::of("chat").start().await;
    let mut nobody = enter(mode, &host, "/chat/rust").await;
    let joined = nobody.text().await;
    assert!(joined.starts_with("* guest-") && joined.ends_with(" joined rust"), "{joined}");
}

async fn chat_tells_of_those_who_vanish(mode: Mode) {
    let host = Host::of("chat").start().await;
    let mut ann = enter(mode, &host, "/?name=Ann").await;
    ann.texts(&["* Ann joined lobby"]).await;
    drop(enter(mode, &host, "/?name=Bob").await);
    ann.texts(&["* Bob joined lobby", "* Bob left"]).await;
}

async fn chat_passes_private_messages_to_one(mode: Mode) {
    let host = Host::of("chat").start().await;
    let mut ann = enter(mode, &host, "/?name=Ann").await;
    ann.texts(&["* Ann joined lobby"]).await;
    let mut other = enter(mode, &host, "/?name=Ann").await;
    other.texts(&["* Ann 2 joined lobby"]).await;
    ann.texts(&["* Ann 2 joined lobby"]).await;
    assert_eq!(ann.ask("/who").await, "* here: Ann, Ann 2");
    assert_eq!(ann.ask("/msg Ann 2: hello").await, "(to Ann 2) hello");
    other.texts(&["(Ann) hello"]).await;
    other.say("/quit").await;
    other.closed_with(1000).await;
    ann.texts(&["* Ann 2 left"]).await;
    assert_eq!(ann.ask("/msg Ann 2: hello").await, "* there is no Ann 2 here");
    assert_eq!(ann.ask("/who").await, "* here: Ann");
}

async fn chat_tells_who_comes_what_was_said(mode: Mode) {
    let directory = TempDir::new().expect("a directory is made");
    let config = directory.path().join("wshost.toml");
    fs::write(&config, "[plugins.chat.history]\n\"*\" = { count = 3, age_ms = 3600000 }\n")
        .expect("the file is written");
    let config = config.to_str().expect("a path of ASCII");
    let host = Host::of("chat").argument("--config").argument(config);
    let host = host.start().await;
    let mut ann = enter(mode, &host, "/?name=Ann").await;
    ann.texts(&["* Ann joined lobby"]).await;
    for line in ["one", "two", "three"] {
        ann.say(line).await;
    }
    ann.texts(&["Ann: one", "Ann: two", "Ann: three"]).await;
    let mut bob = enter(mode, &host, "/?name=Bob").await;
    bob.texts(&["Ann: one", "Ann: two", "Ann: three", "* Bob joined lobby"]).await;
    let mut elsewhere = enter(mode, &host, "/rust?name=Cy").await;
    elsewhere.texts(&["* Cy joined rust"]).await;
}

#[tokio::test]
async fn chat_gives_browsers_a_page() {
    let host = Host::of("chat").start().await;
    let request = "GET /chat/rust HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
    let answer = exchange(host.address(), request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.to_lowercase().contains("\r\ncontent-type: text/html"), "{answer}");
    assert!(answer.contains("<!doctype html>") && answer.trim_end().ends_with("</html>"));
}

/// They are what people copy from.
#[test]
fn every_example_is_there() {
    for name in ["chat", "counter", "echo", "subprotocol", "ticker"] {
        assert!(guest(name).is_file());
    }
}
