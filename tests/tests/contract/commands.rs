//! What a callback may return: rows 13 to 20.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use tokio_tungstenite::tungstenite::Message;
use wshost_tests::{
    BINARY, CLOSE, Frame, Host, Mode, PING, PONG, Raw, TEXT, close_payload, each_mode, pattern,
};

each_mode![
    row_13_none_one_or_many_frames_are_sent_in_order,
    row_13_many_frames_are_sent_in_order,
    row_13_frames_of_every_length_are_sent,
    row_13_info_and_opened_send_as_well,
    row_13_a_control_payload_of_125_bytes_is_sent,
    row_13_a_control_payload_of_126_bytes_is_the_guests_error,
    row_14_close_is_sent_as_given,
    row_14_commands_behind_a_close_are_dropped,
    row_14_every_valid_code_is_sent,
    row_14_a_code_that_is_not_valid_is_the_guests_error,
    row_14_a_reason_of_more_than_123_bytes_is_the_guests_error,
    row_14_the_peers_messages_behind_a_close_are_dropped,
    row_14_a_peer_that_does_not_answer_a_close_is_cut_off,
    row_15_stop_closes_with_1000,
    row_16_the_peer_is_held_back_and_nothing_is_lost,
    row_16_while_not_reading_info_goes_on,
    row_17_deflate_without_compression_changes_nothing,
    row_18_max_frame_size_is_changed,
    row_18_max_frame_size_is_still_capped,
    row_18_idle_timeout_is_changed,
    row_18_idle_timeout_is_still_capped,
    row_18_an_option_of_0_is_the_guests_error,
    row_19_the_shutdown_reason_is_logged,
    row_20_what_an_instance_knows_survives_hibernation,
    row_20_everything_of_the_host_survives_hibernation,
];

async fn row_13_none_one_or_many_frames_are_sent_in_order(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    raw.say("reason:none").await;
    raw.say("text:one").await;
    raw.say("text:a;binary:00ff;ping:b;text:;binary:;pong:c;ping:;text:d").await;
    let expected: [(u8, &[u8]); 9] = [
        (TEXT, b"one"),
        (TEXT, b"a"),
        (BINARY, &[0, 255]),
        (PING, b"b"),
        (TEXT, b""),
        (BINARY, b""),
        (PONG, b"c"),
        (PING, b""),
        (TEXT, b"d"),
    ];
    for (opcode, payload) in expected {
        assert_eq!(raw.next().await, Some(Frame::new(opcode, payload).unmasked()));
    }
}

async fn row_13_many_frames_are_sent_in_order(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    let script: String = (0..10_000).map(|number| format!("text:{number};")).collect();
    client.say(script).await;
    for number in 0..10_000 {
        assert_eq!(client.text().await, number.to_string());
    }
}

async fn row_13_frames_of_every_length_are_sent(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    let lengths = [0, 1, 125, 126, 127, 4095, 4096, 65_535, 65_536, 65_537, 1 << 20, 5_000_000];
    let script: Vec<String> = lengths.iter().map(|length| format!("bytes:{length}")).collect();
    client.say(script.join(";")).await;
    for length in lengths {
        assert!(client.binary().await == pattern(length), "{length} bytes came otherwise");
    }
}

async fn row_13_info_and_opened_send_as_well(mode: Mode) {
    let host = Host::shared().await;
    let ask = mode.ask(&host).opened("text:a;binary:01;timer:1:x").info("text:b;ping:c;text:d");
    let mut client = ask.open().await;
    assert_eq!(client.text().await, "a");
    assert_eq!(client.binary().await, [1].as_slice());
    client.texts(&["timer-id 1", "b"]).await;
    assert_eq!(client.next().await, Message::Ping("c".into()));
    assert_eq!(client.text().await, "d");
}

async fn row_13_a_control_payload_of_125_bytes_is_sent(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    let payload = "p".repeat(125);
    raw.say(&format!("ping:{payload};pong:{payload}")).await;
    assert_eq!(raw.next().await, Some(Frame::new(PING, &payload).unmasked()));
    assert_eq!(raw.next().await, Some(Frame::new(PONG, &payload).unmasked()));
}

/// The peer sees 1011, the operator a line that says this, and `terminate` is
/// called once.
async fn is_the_guests_error(mode: Mode, script: &str, says: &str) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    client.say(format!("{script};text:behind")).await;
    client.closed_with(1011).await;
    let parts = ["WARN", "plugin=scripted", &id, "callback=\"frames\"", "code=1011", says];
    host.log().line_with(&parts).await;
    let reason = host.terminated(&id).await;
    assert!(reason.starts_with("other "), "{reason}");
    assert_eq!(host.log().lines_with(&["WARN", &id]).len(), 1);
}

async fn row_13_a_control_payload_of_126_bytes_is_the_guests_error(mode: Mode) {
    for kind in ["ping", "pong"] {
        is_the_guests_error(mode, &format!("{kind}:{}", "p".repeat(126)), "125 bytes").await;
    }
}

async fn row_14_close_is_sent_as_given(mode: Mode) {
    let host = Host::shared().await;
    for (script, expected) in [
        ("close", None),
        ("close:1000", Some((1000, ""))),
        ("close:4000:bye: é", Some((4000, "bye: é"))),
    ] {
        let mut raw = mode.ask(&host).open_raw().await;
        raw.say(script).await;
        let close = raw.close_frame().await;
        assert_eq!(close, expected.map(|(code, reason)| (code, reason.to_owned())));
        raw.send(&[Frame::new(CLOSE, "")]).await;
        raw.end().await;
    }
}

async fn row_14_commands_behind_a_close_are_dropped(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    raw.say("text:a;close:4001:b;text:c;close:4002:d;stop;ping:e;close:1").await;
    assert_eq!(raw.text().await, "a");
    assert_eq!(raw.close_frame().await, Some((4001, "b".to_owned())));
    raw.send(&[Frame::new(CLOSE, "")]).await;
    raw.end().await;
}

async fn row_14_every_valid_code_is_sent(mode: Mode) {
    let host = Host::shared().await;
    let reason = "r".repeat(123);
    for code in (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999]) {
        let mut raw = mode.ask(&host).open_raw().await;
        raw.say(&format!("close:{code}:{reason}")).await;
        assert_eq!(raw.close_frame().await, Some((code, reason.clone())));
    }
}

async fn row_14_a_code_that_is_not_valid_is_the_guests_error(mode: Mode) {
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        is_the_guests_error(mode, &format!("close:{code}"), &code.to_string()).await;
    }
}

async fn row_14_a_reason_of_more_than_123_bytes_is_the_guests_error(mode: Mode) {
    is_the_guests_error(mode, &format!("close:1000:{}", "r".repeat(124)), "123 bytes").await;
    // 62 characters, 124 bytes.
    is_the_guests_error(mode, &format!("close:1000:{}", "é".repeat(62)), "123 bytes").await;
}

async fn row_14_the_peers_messages_behind_a_close_are_dropped(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    let id = raw.id().await;
    raw.say("close:4000").await;
    assert_eq!(raw.close_frame().await, Some((4000, String::new())));
    raw.send(&[Frame::new(TEXT, "log:info:behind the close"), Frame::new(PING, "behind")]).await;
    raw.send(&[Frame::new(CLOSE, close_payload(4000, ""))]).await;
    raw.end().await;
    assert_eq!(host.terminated(&id).await, "normal");
    assert_eq!(host.log().lines_with(&[&id, "behind the close"]), [""; 0]);
}

async fn row_14_a_peer_that_does_not_answer_a_close_is_cut_off(mode: Mode) {
    let host = Host::of("scripted").set("close_timeout_ms=200").start().await;
    let mut raw = mode.ask(&host).open_raw().await;
    raw.say("close:4000").await;
    assert_eq!(raw.close_frame().await, Some((4000, String::new())));
    raw.end().await;
}

async fn row_15_stop_closes_with_1000(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    let id = raw.id().await;
    raw.say("text:a;stop;text:b;close:4000").await;
    assert_eq!(raw.text().await, "a");
    raw.closed_with(1000).await;
    assert_eq!(host.terminated(&id).await, "stop");
}

/// More than the sockets' buffers hold is sent while the handler does not read.
async fn row_16_the_peer_is_held_back_and_nothing_is_lost(mode: Mode) {
    const MESSAGES: usize = 64;
    let host = Host::shared().await;
    let ask = mode.ask(&host).info("text:resumed;active:true");
    let mut client = ask.open().await;
    assert_eq!(client.ask("active:false;timer:1500:x").await, "timer-id 1");
    let all_sent = Arc::new(AtomicBool::new(false));
    let (mut sender, mut receiver) = client.split();
    let sent = all_sent.clone();
    let sending = tokio::spawn(async move {
        for number in 0..MESSAGES {
            sender.send(pattern(1_000_000 - number).into()).await;
        }
        sent.store(true, SeqCst);
        sender
    });
    // Nothing comes back before.
    assert_eq!(receiver.next().await, Message::text("resumed"));
    assert!(!all_sent.load(SeqCst), "64 MB were sent to a host that was not to read");
    for number in 0..MESSAGES {
        let echo = receiver.next().await.into_data();
        assert!(echo == pattern(1_000_000 - number), "message {number} came back otherwise");
    }
    let mut sender = sending.await.expect("all is sent");
    sender.send(Message::text("count")).await;
    assert_eq!(receiver.next().await, Message::text("count 1"));
}

async fn row_16_while_not_reading_info_goes_on(mode: Mode) {
    let host = Host::shared().await;
    let mut other = mode.ask(&host).open().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    assert_eq!(client.ask("active:false;timer:1:x").await, "timer-id 1");
    client.texts(&["timer 1 x"]).await;
    client.say("text:held back").await;
    let from = other.id().await;
    other.say(format!("send:{id}:a;send:{id}:b")).await;
    client.texts(&[&format!("direct {from} a"), &format!("direct {from} b")]).await;
}

async fn row_17_deflate_without_compression_changes_nothing(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    raw.say("deflate:true;text:aaaaaaaaaaaaaaaa;deflate:false;text:b").await;
    assert_eq!(raw.text().await, "aaaaaaaaaaaaaaaa");
    assert_eq!(raw.text().await, "b");
}

/// A message of this many bytes is refused, by its header alone.
async fn is_too_big(raw: &mut Raw, bytes: u64) {
    raw.write(Frame::new(BINARY, "").header(bytes)).await;
    raw.closed_with(1009).await;
}

async fn echoes(raw: &mut Raw, bytes: usize) {
    let frame = Frame::new(BINARY, pattern(bytes));
    raw.send(std::slice::from_ref(&frame)).await;
    assert!(raw.next().await == Some(frame.unmasked()), "{bytes} bytes came back otherwise");
}

async fn row_18_max_frame_size_is_changed(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).init("max:50").open_raw().await;
    raw.say("options:max=2000000;text:more").await;
    assert_eq!(raw.text().await, "more");
    echoes(&mut raw, 2_000_000).await;
    raw.say("options:max=40;text:less").await;
    assert_eq!(raw.text().await, "less");
    echoes(&mut raw, 40).await;
    is_too_big(&mut raw, 41).await;
}

async fn row_18_max_frame_size_is_still_capped(mode: Mode) {
    let host = Host::of("scripted").set("frame_size_max_bytes=100").start().await;
    let mut raw = mode.ask(&host).open_raw().await;
    raw.say("options:max=9999999999;text:more").await;
    assert_eq!(raw.text().await, "more");
    echoes(&mut raw, 100).await;
    is_too_big(&mut raw, 101).await;
}

async fn row_18_idle_timeout_is_changed(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).init("idle:infinity").open().await;
    let id = client.id().await;
    client.say("options:idle=200").await;
    client.closed_with(1000).await;
    assert_eq!(host.terminated(&id).await, "timeout");

    // Made longer: the time that was set first passes, and nothing happens.
    let ask = mode.ask(&host).init("idle:1000").opened("options:idle=infinity;timer:1500:x");
    let mut client = ask.open().await;
    client.texts(&["timer-id 1", "timer 1 x"]).await;
    assert_eq!(client.ask("count").await, "count 1");
}

async fn row_18_idle_timeout_is_still_capped(mode: Mode) {
    let host = Host::of("scripted").set("idle_timeout_max_ms=200").start().await;
    let mut client = mode.ask(&host).opened("me;options:idle=infinity").open().await;
    let id = client.told_id().await;
    client.closed_with(1000).await;
    assert_eq!(host.terminated(&id).await, "timeout");
}

async fn row_18_an_option_of_0_is_the_guests_error(mode: Mode) {
    is_the_guests_error(mode, "options:max=0", "0 bytes").await;
    is_the_guests_error(mode, "options:idle=0", "0 ms").await;
}

async fn row_19_the_shutdown_reason_is_logged(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    client.say("reason:not this one;reason:went fishing;stop").await;
    client.closed_with(1000).await;
    let parts =
        ["connection ended", "plugin=scripted", &id, "code=1000", "reason=\"went fishing\""];
    host.log().line_with(&parts).await;

    // It is set by one callback, and used whenever the end comes.
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    assert_eq!(client.ask("reason:was told early;text:ok").await, "ok");
    client.say("trap").await;
    client.closed_with(1011).await;
    host.log().line_with(&["WARN", &id, "reason=\"was told early\""]).await;
}

async fn row_20_what_an_instance_knows_survives_hibernation(mode: Mode) {
    let host = Host::shared().await;
    let ask = mode.ask(&host).target("/kept?a=1").init("timer:1:x").opened("count;hibernate");
    let mut client = ask.open().await;
    client.texts(&["count 1"]).await;
    for expected in 2..20 {
        let answer = client.ask("count;hibernate").await;
        assert_eq!(answer, format!("count {expected}"));
    }
    assert_eq!(client.ask("notes;hibernate").await, "error not-open");
    assert!(client.ask("request;hibernate").await.contains("\nquery=a=1\n"));
}

async fn row_20_everything_of_the_host_survives_hibernation(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    let mut other = mode.ask(&host).open().await;
    let (id, from) = (client.id().await, other.id().await);
    client.say(format!("sub:{id};timer:1:a;timer:300:b;hibernate")).await;
    client.texts(&["timer-id 1", "timer-id 2", "timer 1 a"]).await;
    other.say(format!("send:{id}:x;msg:{id}:y;pub:{id}:z")).await;
    // The frame needs no handler, and overtakes the messages that do.
    let mut came = Vec::new();
    for _ in 0..4 {
        came.push(client.text().await);
    }
    came.sort();
    let direct = format!("direct {from} x");
    let published = format!("published {id} {from} y");
    assert_eq!(came, [&direct, &published, "timer 2 b", "z"]);
    assert_eq!(client.ask("cancel:2;hibernate").await, "cancelled false");
    assert_eq!(client.ask("timer:60000:c;hibernate").await, "timer-id 3");
    assert_eq!(client.ask("cancel:3;hibernate").await, "cancelled true");
}
