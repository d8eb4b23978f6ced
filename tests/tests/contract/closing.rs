//! Closing, as the peer sees it: rows 21 to 27.

use tokio_tungstenite::tungstenite::Message;
use wshost_tests::{
    BINARY, CLOSE, CONTINUATION, Frame, Host, Mode, PING, PONG, Raw, Signal, TEXT, close_payload,
    each_mode, pattern,
};

each_mode![
    row_21_stop_and_idle_timeout_are_1000,
    row_22_a_protocol_error_is_1002,
    row_22_what_came_before_the_error_is_handled,
    row_22_nothing_behind_the_error_is_handled,
    row_23_text_that_is_not_utf8_is_1007,
    row_23_it_is_found_as_soon_as_the_bytes_arrive,
    row_23_a_close_reason_that_is_not_utf8_is_1007,
    row_23_binary_is_not_looked_at,
    row_24_a_message_too_big_is_1009_by_its_header_alone,
    row_24_fragments_count_together,
    row_24_control_frames_do_not_count,
    row_25_a_trap_is_1011,
    row_25_an_overrun_is_1011,
    row_25_a_limit_is_1011,
    row_26_a_host_that_goes_down_says_1001,
    row_26_a_reader_too_slow_is_1013,
    row_26_a_reader_too_slow_may_miss_what_is_published,
    row_27_the_peers_code_is_echoed,
    row_27_the_peers_messages_before_its_close_are_handled,
    row_27_every_valid_code_is_taken,
];

async fn row_21_stop_and_idle_timeout_are_1000(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    client.say("stop").await;
    client.closed_with(1000).await;
    let mut client = mode.ask(&host).init("idle:200").open().await;
    client.closed_with(1000).await;
}

/// What a peer must not send, and what it says to it that this was wrong.
fn protocol_errors() -> Vec<(&'static str, Vec<u8>)> {
    let text = || Frame::new(TEXT, "x");
    let long = |opcode| Frame::new(opcode, [0; 126]).encode();
    let mut errors = vec![
        ("an unmasked text", text().unmasked().encode()),
        ("an unmasked ping", Frame::new(PING, "x").unmasked().encode()),
        ("an unmasked close", Frame::new(CLOSE, "").unmasked().encode()),
        ("RSV1 in text", text().reserved(4).encode()),
        ("RSV2 in binary", Frame::new(BINARY, "x").reserved(2).encode()),
        ("RSV3 in a ping", Frame::new(PING, "").reserved(1).encode()),
        ("RSV1 in a close", Frame::new(CLOSE, "").reserved(4).encode()),
        ("a ping of 126 bytes", long(PING)),
        ("a pong of 126 bytes", long(PONG)),
        ("a close of 126 bytes", long(CLOSE)),
        ("a fragment of a ping", Frame::new(PING, "x").more().encode()),
        ("a fragment of a close", Frame::new(CLOSE, "").more().encode()),
        ("a continuation of nothing", Frame::new(CONTINUATION, "x").encode()),
        ("an unfinished continuation of nothing", Frame::new(CONTINUATION, "").more().encode()),
        ("text in text", [text().more().encode(), text().encode()].concat()),
        (
            "binary in text",
            [text().more().encode(), Frame::new(BINARY, "x").more().encode()].concat(),
        ),
        ("a close of one byte", Frame::new(CLOSE, [3]).encode()),
        ("a length with its top bit set", vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1]),
        ("a length of 16 bits that fits 7", vec![0x82, 0xfe, 0, 125, 1, 2, 3, 4]),
        ("a length of 64 bits that fits 16", {
            vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4]
        }),
        ("not a frame", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
    ];
    for opcode in (3..8).chain(11..16) {
        errors.push(("an opcode without a meaning", Frame::new(opcode, "").encode()));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        let close = Frame::new(CLOSE, close_payload(code, ""));
        errors.push(("a close code that is not valid", close.encode()));
    }
    errors
}

async fn row_22_a_protocol_error_is_1002(mode: Mode) {
    let host = Host::shared().await;
    for (what, bytes) in protocol_errors() {
        let mut raw = mode.ask(&host).opened("me").open_raw().await;
        let id = raw.text().await.replace("id ", "");
        raw.write(bytes).await;
        let close = raw.close_frame().await;
        assert_eq!(close.map(|(code, _)| code), Some(1002), "{what}");
        raw.end().await;
        assert_eq!(host.terminated(&id).await, "error bad-frame", "{what}");
    }
}

async fn row_22_what_came_before_the_error_is_handled(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    raw.send(&[Frame::new(TEXT, "a"), Frame::new(TEXT, "b"), Frame::new(3, "")]).await;
    assert_eq!((raw.text().await, raw.text().await), ("a".into(), "b".into()));
    raw.closed_with(1002).await;
}

async fn row_22_nothing_behind_the_error_is_handled(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    let id = raw.id().await;
    raw.send(&[Frame::new(3, ""), Frame::new(TEXT, "log:info:behind the error")]).await;
    raw.closed_with(1002).await;
    assert_eq!(host.terminated(&id).await, "error bad-frame");
    assert_eq!(host.log().lines_with(&[&id, "behind the error"]), [""; 0]);
}

async fn row_23_text_that_is_not_utf8_is_1007(mode: Mode) {
    let host = Host::shared().await;
    for payload in [
        &b"caf\xe9"[..],
        b"\x80",
        b"\xc0\xaf",         // overlong
        b"\xe0\x80\xaf",     // overlong
        b"\xed\xa0\x80",     // a surrogate
        b"\xf4\x90\x80\x80", // above U+10FFFF
        b"\xff",
        b"ok \xf0\x9d\x84", // cut off
    ] {
        let mut raw = mode.ask(&host).opened("me").open_raw().await;
        let id = raw.text().await.replace("id ", "");
        raw.send(&[Frame::new(TEXT, payload)]).await;
        raw.closed_with(1007).await;
        assert_eq!(host.terminated(&id).await, "error bad-encoding", "{payload:x?}");
    }
}

/// Neither the message's last frame has come, nor this frame's last byte.
async fn row_23_it_is_found_as_soon_as_the_bytes_arrive(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    raw.send(&[Frame::new(TEXT, "caf\u{e9} ").more()]).await;
    raw.alive().await;
    assert_eq!(raw.text().await, "ping alive?");
    // Of 1000 bytes that are announced 3 come, of which the last can't stand there.
    let begun = Frame::new(CONTINUATION, b"\xe2\x82\x28").more();
    raw.write(begun.header(1000)).await;
    raw.write(&begun.encode()[6..]).await;
    raw.closed_with(1007).await;
}

async fn row_23_a_close_reason_that_is_not_utf8_is_1007(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    let id = raw.id().await;
    raw.send(&[Frame::new(CLOSE, close_payload(1000, b"caf\xe9"))]).await;
    raw.closed_with(1007).await;
    assert_eq!(host.terminated(&id).await, "error bad-encoding");
}

async fn row_23_binary_is_not_looked_at(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    let frame = Frame::new(BINARY, b"caf\xe9\xff");
    raw.send(std::slice::from_ref(&frame)).await;
    assert_eq!(raw.next().await, Some(frame.unmasked()));
}

async fn row_24_a_message_too_big_is_1009_by_its_header_alone(mode: Mode) {
    let host = Host::shared().await;
    for bytes in [101, 70_000, u64::MAX >> 1] {
        let mut raw = mode.ask(&host).init("max:100").open_raw().await;
        let id = raw.id().await;
        raw.write(Frame::new(TEXT, "").header(bytes)).await;
        raw.closed_with(1009).await;
        assert_eq!(host.terminated(&id).await, "error too-big");
    }
}

async fn row_24_fragments_count_together(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).init("max:100").open_raw().await;
    let first = Frame::new(BINARY, pattern(60)).more();
    raw.send(&[first.clone(), Frame::new(CONTINUATION, pattern(40))]).await;
    let joined = raw.next().await.map(|frame| frame.payload);
    assert_eq!(joined, Some([pattern(60), pattern(40)].concat()));
    raw.send(&[first]).await;
    raw.write(Frame::new(CONTINUATION, "").more().header(41)).await;
    raw.closed_with(1009).await;
}

async fn row_24_control_frames_do_not_count(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).init("max:10;hide-control").open_raw().await;
    let ping = Frame::new(PING, pattern(125));
    let begin = Frame::new(BINARY, pattern(6)).more();
    raw.send(&[begin, ping.clone(), Frame::new(CONTINUATION, pattern(4))]).await;
    assert_eq!(raw.next().await, Some(Frame::new(PONG, pattern(125)).unmasked()));
    assert_eq!(raw.next().await.map(|frame| frame.payload.len()), Some(10));
}

/// In each callback.
async fn row_25_a_trap_is_1011(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).opened("log:info:in opened;trap").open().await;
    client.closed_with(1011).await;
    let mut client = mode.ask(&host).opened("timer:1:x").info("trap").open().await;
    client.texts(&["timer-id 1"]).await;
    client.closed_with(1011).await;
    let mut client = mode.ask(&host).open().await;
    client.say("text:lost with the trap;trap").await;
    client.closed_with(1011).await;
    assert_eq!(mode.ask(&host).init("trap").refused().await.status, 500);
}

async fn row_25_an_overrun_is_1011(mode: Mode) {
    let host = Host::of("scripted").set("callback_time_max_ms=100").start().await;
    let mut client = mode.ask(&host).open().await;
    client.say("loop").await;
    client.closed_with(1011).await;
    let mut client = mode.ask(&host).opened("loop").open().await;
    client.closed_with(1011).await;
    let mut client = mode.ask(&host).opened("timer:1:x").info("loop").open().await;
    client.texts(&["timer-id 1"]).await;
    client.closed_with(1011).await;
    assert_eq!(mode.ask(&host).init("loop").refused().await.status, 500);
}

async fn row_25_a_limit_is_1011(mode: Mode) {
    let host = Host::of("scripted").set("commands_max=3").start().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    client.say("text:a;text:b;text:c").await;
    client.texts(&["a", "b", "c"]).await;
    client.say("text:a;text:b;text:c;text:d").await;
    client.closed_with(1011).await;
    host.log().line_with(&["WARN", &id, "callback=\"frames\"", "commands_max"]).await;
}

async fn row_26_a_host_that_goes_down_says_1001(mode: Mode) {
    let mut host = Host::of("scripted").start().await;
    let mut awake = mode.ask(&host).open().await;
    let mut silent = mode.ask(&host).init("only:frames").open().await;
    let mut stopped = mode.ask(&host).open().await;
    let ids = [awake.id().await, silent.id().await, stopped.id().await];
    assert_eq!(stopped.ask("active:false;text:not reading").await, "not reading");
    host.signal(Signal::TERM);
    for client in [&mut awake, &mut silent, &mut stopped] {
        client.closed_with(1001).await;
    }
    assert!(host.end().await.success());
    let told = host.log().lines_with(&["guest::scripted: terminate shutdown"]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|line| !line.contains(&ids[1])));
}

async fn row_26_a_reader_too_slow_is_1013(mode: Mode) {
    const FRAME_BYTES: usize = 500_000;
    let host = Host::of("scripted").set("send_queue_max_bytes=600_000");
    let host = host.set_all(&["payload_max_bytes=500_000", "close_timeout_ms=30_000"]);
    let host = host.start().await;
    let mut slow = mode.ask(&host).open_raw().await;
    let id = slow.id().await;
    slow.say("sub:news;text:in").await;
    assert_eq!(slow.text().await, "in");
    let mut publisher = mode.ask(&host).open().await;
    // More than the sockets' buffers hold.
    let news = "n".repeat(FRAME_BYTES);
    for _ in 0..60 {
        assert_eq!(publisher.ask(format!("pub:news:{news};text:ok")).await, "ok");
    }
    host.log().line_with(&[&id, "code=1013", "send_queue_max_bytes"]).await;
    assert_eq!(host.terminated(&id).await, "overloaded");
    // What was queued comes to its end, no frame is cut.
    loop {
        let Some(frame) = slow.next().await else { panic!("no Close has come") };
        if frame.opcode == CLOSE {
            assert_eq!(frame.payload, close_payload(1013, ""));
            break;
        }
        assert_eq!((frame.opcode, frame.payload.len()), (TEXT, FRAME_BYTES));
    }
    assert_eq!(publisher.ask("count").await, "count 1");
}

/// It misses what comes while there is no room; what its own handler sends, and
/// pongs, it gets.
async fn row_26_a_reader_too_slow_may_miss_what_is_published(mode: Mode) {
    const FRAMES: usize = 60;
    let host = Host::of("scripted").set("send_queue_max_bytes=600_000");
    let host = host.set_all(&["payload_max_bytes=500_000", "slow_reader=drop"]).start().await;
    let mut slow = mode.ask(&host).open_raw().await;
    let id = slow.id().await;
    slow.say("sub:news;text:in").await;
    assert_eq!(slow.text().await, "in");
    let mut publisher = mode.ask(&host).open().await;
    // More than the sockets' buffers hold.
    for number in 0..FRAMES {
        let news = format!("{number:02}{}", "n".repeat(499_998));
        assert_eq!(publisher.ask(format!("pub:news:{news};text:ok")).await, "ok");
    }
    host.log().line_with(&[&id, "published frames are dropped"]).await;
    slow.send(&[Frame::new(TEXT, "bytes:700000;text:own"), Frame::new(PING, "there?")]).await;
    let mut got = Vec::new();
    let (mut own, mut pong, mut shown) = (false, false, false);
    while !(own && pong && shown) {
        let frame = slow.next().await.expect("the connection stays");
        match (frame.opcode, frame.payload.len()) {
            (TEXT, 500_000) => got.push(frame.payload[..2].to_vec()),
            (TEXT, 3) => own = true,
            (BINARY, 700_000) => {}
            (PONG, 6) => pong = true,
            // The handler tells of the ping.
            (TEXT, 11) => shown = true,
            other => panic!("{other:?} was not asked for"),
        }
    }
    // In order, and the first ones had room.
    assert!(got.is_sorted() && got.starts_with(&[b"00".to_vec()]), "{got:?}");
    assert!((1..FRAMES).contains(&got.len()), "{}", got.len());
    assert_eq!(publisher.ask("pub:news:last;text:ok").await, "ok");
    assert_eq!(slow.text().await, "last");
    slow.say("stop").await;
    slow.closed_with(1000).await;
    let dropped = format!("dropped={}", FRAMES - got.len());
    host.log().line_with(&[&id, "published frames were dropped", &dropped]).await;
}

async fn says_close(raw: &mut Raw, payload: &[u8]) {
    raw.send(&[Frame::new(CLOSE, payload)]).await;
}

async fn row_27_the_peers_code_is_echoed(mode: Mode) {
    let host = Host::shared().await;
    for (payload, code, told) in [
        (vec![], None, "remote none"),
        (close_payload(1000, ""), Some(1000), "remote 1000 "),
        (close_payload(1001, "tab closed"), Some(1001), "remote 1001 tab closed"),
        (close_payload(4999, "é".repeat(61)), Some(4999), "remote 4999 ééé"),
    ] {
        let mut raw = mode.ask(&host).open_raw().await;
        let id = raw.id().await;
        says_close(&mut raw, &payload).await;
        assert_eq!(raw.close_frame().await.map(|(code, _)| code), code);
        raw.end().await;
        let reason = host.terminated(&id).await;
        assert!(reason.starts_with(told), "{reason}");
    }
}

async fn row_27_the_peers_messages_before_its_close_are_handled(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    for number in 0..100 {
        client.say(number.to_string()).await;
    }
    client.close(Some((1000, "done"))).await;
    let (messages, code) = client.until_closed().await;
    let expected: Vec<Message> = (0..100).map(|number| number.to_string().into()).collect();
    assert_eq!((messages, code), (expected, 1000));
}

async fn row_27_every_valid_code_is_taken(mode: Mode) {
    let host = Host::shared().await;
    for code in (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999]) {
        let mut raw = mode.ask(&host).open_raw().await;
        says_close(&mut raw, &close_payload(code, "")).await;
        assert_eq!(raw.close_frame().await.map(|(code, _)| code), Some(code));
        raw.end().await;
    }
}
