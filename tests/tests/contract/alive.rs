//! Keeping alive: rows 28 to 30.

use tokio_tungstenite::tungstenite::Message;
use wshost_tests::{BINARY, Client, Frame, Host, Mode, PING, PONG, TEXT, each_mode, pattern};

each_mode![
    row_28_a_ping_is_answered_with_its_payload_and_shown,
    row_28_pings_and_pongs_can_be_left_to_the_host,
    row_28_a_ping_is_answered_while_a_callback_runs,
    row_28_a_ping_behind_unread_messages_is_answered_while_a_callback_runs,
    row_28_a_ping_is_answered_where_no_callback_is_wanted,
    row_29_each_byte_received_restarts_the_idle_timer,
    row_29_pings_and_pongs_restart_the_idle_timer,
    row_29_frames_sent_do_not_restart_the_idle_timer,
    row_30_no_pings_unless_asked_for,
    row_30_pings_at_the_guests_interval,
    row_30_pings_at_the_operators_interval,
    row_30_a_peer_that_answers_is_kept_alive,
];

/// Another connection of the host's, which tells what time passes there.
struct Clock(Client);

impl Clock {
    async fn of(mode: Mode, host: &Host) -> Self {
        Self(mode.ask(host).info("text:tick").open().await)
    }

    /// When 300 ms more have passed.
    async fn tick(&mut self) {
        self.0.say("timer:300:").await;
        assert!(self.0.text().await.starts_with("timer-id "));
        assert_eq!(self.0.text().await, "tick");
    }
}

fn pong(payload: impl AsRef<[u8]>) -> Option<Frame> {
    Some(Frame::new(PONG, payload).unmasked())
}

async fn row_28_a_ping_is_answered_with_its_payload_and_shown(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    for payload in [String::new(), "x".into(), "é\0".into(), "p".repeat(125)] {
        raw.send(&[Frame::new(PING, &payload)]).await;
        assert_eq!(raw.next().await, pong(&payload));
        assert_eq!(raw.text().await, format!("ping {payload}"));
    }
    raw.send(&[Frame::new(PING, [0xff, 0])]).await;
    assert_eq!(raw.next().await, pong([0xff, 0]));
    raw.text().await;
    raw.send(&[Frame::new(PONG, "unasked")]).await;
    assert_eq!(raw.text().await, "pong unasked");
}

async fn row_28_pings_and_pongs_can_be_left_to_the_host(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).init("hide-control").open_raw().await;
    raw.send(&[Frame::new(PING, "a"), Frame::new(PONG, "b"), Frame::new(PING, "c")]).await;
    assert_eq!(raw.next().await, pong("a"));
    assert_eq!(raw.next().await, pong("c"));
    raw.say("frames-batch").await;
    assert_eq!(raw.text().await, "batch 1");
}

async fn row_28_a_ping_is_answered_while_a_callback_runs(mode: Mode) {
    let host = Host::of("scripted").set("callback_time_max_ms=2000").start().await;
    let mut raw = mode.ask(&host).open_raw().await;
    let id = raw.id().await;
    raw.say("log:info:now it loops;loop").await;
    host.log().line_with(&[&id, "now it loops"]).await;
    for payload in ["a", "b"] {
        raw.send(&[Frame::new(PING, payload)]).await;
        assert_eq!(raw.next().await, pong(payload));
    }
    raw.closed_with(1011).await;
}

async fn row_28_a_ping_behind_unread_messages_is_answered_while_a_callback_runs(mode: Mode) {
    let host = Host::of("scripted").set("callback_time_max_ms=2000").start().await;
    let mut raw = mode.ask(&host).open_raw().await;
    let id = raw.id().await;
    raw.say("log:info:now it loops;loop").await;
    host.log().line_with(&[&id, "now it loops"]).await;
    let message = Frame::new(TEXT, "not handled any more");
    raw.send(&[message.clone(), message.clone(), message, Frame::new(PING, "here?")]).await;
    assert_eq!(raw.next().await, pong("here?"));
    raw.closed_with(1011).await;
}

async fn row_28_a_ping_is_answered_where_no_callback_is_wanted(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).init("only:").open_raw().await;
    raw.alive().await;
    raw.say("text:x").await;
    raw.alive().await;
}

/// For longer than the timeout one byte comes at a time, and no whole frame.
async fn row_29_each_byte_received_restarts_the_idle_timer(mode: Mode) {
    let host = Host::shared().await;
    let mut clock = Clock::of(mode, &host).await;
    let mut raw = mode.ask(&host).init("idle:2000").open_raw().await;
    let frame = Frame::new(BINARY, pattern(2));
    for byte in frame.encode() {
        clock.tick().await;
        raw.write([byte]).await;
    }
    assert_eq!(raw.next().await, Some(frame.unmasked()));
    raw.closed_with(1000).await;
}

async fn row_29_pings_and_pongs_restart_the_idle_timer(mode: Mode) {
    let host = Host::shared().await;
    let mut clock = Clock::of(mode, &host).await;
    let mut raw = mode.ask(&host).init("idle:2000;hide-control").open_raw().await;
    for _ in 0..4 {
        clock.tick().await;
        raw.alive().await;
        clock.tick().await;
        raw.send(&[Frame::new(PONG, "")]).await;
    }
    raw.alive().await;
    raw.closed_with(1000).await;
}

/// If they did, the end would never come.
async fn row_29_frames_sent_do_not_restart_the_idle_timer(mode: Mode) {
    let host = Host::shared().await;
    let ask = mode.ask(&host).init("idle:1000").opened("timer:50:x").info("text:push;timer:50:x");
    let (pushed, code) = ask.open().await.until_closed().await;
    assert_eq!(code, 1000);
    assert!(pushed.contains(&Message::text("push")));
}

async fn row_30_no_pings_unless_asked_for(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).init("idle:2000").open_raw().await;
    raw.closed_with(1000).await;
}

async fn row_30_pings_at_the_guests_interval(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).init("keepalive:100").open_raw().await;
    // Again and again, answered or not.
    for _ in 0..4 {
        assert_eq!(raw.next().await, Some(Frame::new(PING, "").unmasked()));
    }
    raw.send(&[Frame::new(PONG, "")]).await;
    let mut shown = false;
    while !shown {
        let frame = raw.next().await;
        let frame = frame.unwrap_or_else(|| panic!("no pong is shown"));
        shown = frame.opcode == TEXT && frame.payload == b"pong ";
    }
}

async fn row_30_pings_at_the_operators_interval(mode: Mode) {
    let host = Host::of("scripted").set("keep_alive_ms=100").start().await;
    let mut raw = mode.ask(&host).open_raw().await;
    assert_eq!(raw.next().await, Some(Frame::new(PING, "").unmasked()));
    assert_eq!(raw.next().await, Some(Frame::new(PING, "").unmasked()));
}

/// The client answers pings, and says nothing else.
async fn row_30_a_peer_that_answers_is_kept_alive(mode: Mode) {
    let host = Host::shared().await;
    let ask = mode.ask(&host).init("idle:2000;keepalive:200;hide-control");
    let mut client = ask.opened("timer:3500:still here").open().await;
    assert_eq!(client.text().await, "timer-id 1");
    loop {
        match client.next().await {
            Message::Ping(payload) => assert_eq!(payload, ""),
            other => {
                assert_eq!(other, Message::text("timer 1 still here"));
                break;
            }
        }
    }
}
