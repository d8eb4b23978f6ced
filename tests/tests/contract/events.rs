//! What a handler is told of: rows 8 to 12.

use tokio_tungstenite::tungstenite::Message;
use wshost_tests::{
    BINARY, CLOSE, CONTINUATION, Frame, Host, Mode, PING, Raw, TEXT, close_payload, each_mode,
    pattern,
};

each_mode![
    row_08_each_kind_of_frame_is_given,
    row_08_messages_without_content_are_given,
    row_08_fragments_arrive_joined,
    row_08_a_control_frame_may_stand_between_fragments,
    row_08_frames_that_come_one_by_one_are_given_one_by_one,
    row_08_frames_at_hand_are_given_together_in_order,
    row_08_a_large_frame_is_given_alone,
    row_08_nothing_is_handled_behind_a_close,
    row_08_frames_are_optional,
    row_09_info_gets_messages_from_connections_and_topics,
    row_09_info_is_optional,
    row_10_timers_fire_with_their_payload,
    row_10_timers_fire_in_the_order_of_their_times,
    row_10_a_timer_may_start_the_next,
    row_10_after_cancel_nothing_is_delivered,
    row_10_a_timer_in_the_same_callback_is_cancelled,
    row_10_a_timer_that_has_fired_is_not_cancelled,
    row_10_a_time_of_0_is_not_valid,
    row_10_timers_of_a_callback_that_traps_never_run,
    row_11_terminate_is_told_what_the_handler_did,
    row_11_terminate_is_told_what_the_peer_did,
    row_11_terminate_is_told_what_the_peer_did_wrong,
    row_11_terminate_is_told_of_limits_and_mistakes,
    row_11_terminate_is_told_that_the_host_goes_down,
    row_11_terminate_is_not_called_after_a_trap,
    row_11_terminate_is_optional,
    row_11_a_trap_in_terminate_is_logged_and_the_peer_not_told,
    row_12_a_trap_touches_no_other,
];

async fn row_08_each_kind_of_frame_is_given(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    assert_eq!(client.ask("héllo ✓ 𝄞").await, "héllo ✓ 𝄞");
    client.send(pattern(300).into()).await;
    assert_eq!(client.binary().await, pattern(300));
    client.send(Message::Ping("are you there".into())).await;
    assert_eq!(client.next().await, Message::Pong("are you there".into()));
    assert_eq!(client.text().await, "ping are you there");
    client.send(Message::Pong("nobody asked".into())).await;
    assert_eq!(client.text().await, "pong nobody asked");
}

async fn row_08_messages_without_content_are_given(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    assert_eq!(client.ask("").await, "");
    client.send(Vec::new().into()).await;
    assert_eq!(client.binary().await, "");
    client.send(Message::Ping("".into())).await;
    assert_eq!(client.next().await, Message::Pong("".into()));
    assert_eq!(client.text().await, "ping ");
}

async fn row_08_fragments_arrive_joined(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    let piece = |payload: &[u8]| Frame::new(CONTINUATION, payload);
    // A character is cut in two, and so is the script.
    raw.send(&[Frame::new(TEXT, b"echo;text:\xc3").more(), piece(b"").more()]).await;
    raw.send(&[piece(b"\xa4;frames-").more(), piece(b"batch")]).await;
    assert_eq!(raw.text().await, "echo;text:ä;frames-batch");
    assert_eq!(raw.text().await, "ä");
    assert_eq!(raw.text().await, "batch 1");
    raw.send(&[Frame::new(BINARY, b"").more(), piece(b"\xff").more(), piece(b"")]).await;
    let frame = raw.next().await;
    assert_eq!(frame, Some(Frame::new(BINARY, b"\xff").unmasked()));
}

async fn row_08_a_control_frame_may_stand_between_fragments(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    raw.send(&[Frame::new(TEXT, "be").more(), Frame::new(PING, "1")]).await;
    assert_eq!(raw.next().await.map(|frame| frame.payload), Some(b"1".to_vec()));
    assert_eq!(raw.text().await, "ping 1");
    raw.send(&[Frame::new(CONTINUATION, "tween")]).await;
    assert_eq!(raw.text().await, "between");
}

async fn row_08_frames_that_come_one_by_one_are_given_one_by_one(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    for _ in 0..3 {
        assert_eq!(client.ask("frames-batch").await, "batch 1");
    }
}

/// Sends frames in one write, each with its number, and returns how many each
/// was given with.
async fn batches(raw: &mut Raw, count: usize, padding: usize) -> Vec<usize> {
    let padding = ";".repeat(padding);
    let frame = |number| Frame::new(TEXT, format!("text:{number};frames-batch{padding}"));
    let frames: Vec<Frame> = (0..count).map(frame).collect();
    raw.send(&frames).await;
    let mut batches = Vec::new();
    for number in 0..count {
        assert_eq!(raw.text().await, number.to_string());
        let batch = raw.text().await;
        let size = batch.strip_prefix("batch ").and_then(|size| size.parse().ok());
        batches.push(size.unwrap_or_else(|| panic!("{batch}")));
    }
    batches
}

async fn row_08_frames_at_hand_are_given_together_in_order(mode: Mode) {
    let host = Host::of("scripted").set("frames_batch_max=7").start().await;
    let mut raw = mode.ask(&host).open_raw().await;
    let by_count = batches(&mut raw, 100, 0).await;
    // What was written at once is also read at once, or nearly.
    assert_eq!(by_count.iter().max(), Some(&7), "{by_count:?}");
    assert!(!by_count.contains(&0));

    let host = Host::of("scripted").set("frames_batch_max_bytes=1000").start().await;
    let mut raw = mode.ask(&host).open_raw().await;
    let by_bytes = batches(&mut raw, 100, 200).await;
    assert!(by_bytes.iter().all(|size| (1..=4).contains(size)), "{by_bytes:?}");
    assert!(by_bytes.contains(&4), "{by_bytes:?}");
}

async fn row_08_a_large_frame_is_given_alone(mode: Mode) {
    let host = Host::of("scripted").set("frames_batch_max_bytes=1000").start().await;
    let mut raw = mode.ask(&host).open_raw().await;
    assert_eq!(batches(&mut raw, 5, 2000).await, [1; 5]);
}

async fn row_08_nothing_is_handled_behind_a_close(mode: Mode) {
    let host = Host::shared().await;
    let mut raw = mode.ask(&host).open_raw().await;
    let id = raw.id().await;
    let frames = ["text:a", "text:b;close:4000", "log:info:behind;text:c"];
    raw.send(&frames.map(|text| Frame::new(TEXT, text))).await;
    assert_eq!((raw.text().await, raw.text().await), ("a".into(), "b".into()));
    raw.closed_with(4000).await;
    assert_eq!(host.terminated(&id).await, "normal");
    assert_eq!(host.log().lines_with(&[&id, "behind"]), [""; 0]);
}

async fn row_08_frames_are_optional(mode: Mode) {
    let host = Host::shared().await;
    let ask = mode.ask(&host).init("only:opened,info,terminate");
    let mut raw = ask.opened("me;timer:500:still here").open_raw().await;
    let id = raw.text().await.replace("id ", "");
    assert_eq!(raw.text().await, "timer-id 1");
    raw.say("text:nobody is called").await;
    raw.alive().await;
    assert_eq!(raw.text().await, "timer 1 still here");
    raw.send(&[Frame::new(CLOSE, close_payload(1000, ""))]).await;
    raw.closed_with(1000).await;
    assert_eq!(host.terminated(&id).await, "remote 1000 ");
}

async fn row_09_info_gets_messages_from_connections_and_topics(mode: Mode) {
    let host = Host::shared().await;
    let mut sender = mode.ask(&host).open().await;
    let mut receiver = mode.ask(&host).open().await;
    let (from, to) = (sender.id().await, receiver.id().await);
    assert_eq!(receiver.ask(format!("sub:row 9 {to};text:subscribed")).await, "subscribed");
    sender.say(format!("send:{to}:hello: you;msg:row 9 {to}:hello: all")).await;
    assert_eq!(receiver.text().await, format!("direct {from} hello: you"));
    assert_eq!(receiver.text().await, format!("published row 9 {to} {from} hello: all"));
}

async fn row_09_info_is_optional(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).init("only:frames").open().await;
    let mut witness = mode.ask(&host).open().await;
    let id = client.id().await;
    assert_eq!(witness.ask(format!("sub:{id};text:in")).await, "in");
    assert_eq!(client.ask(format!("sub:{id};timer:1:x")).await, "timer-id 1");
    client.say(format!("send:{id}:x;msg:{id}:x;timer:2:x")).await;
    client.texts(&["timer-id 2"]).await;
    assert_eq!(witness.text().await, format!("published {id} {id} x"));
    witness.say("timer:100:x").await;
    witness.texts(&["timer-id 1", "timer 1 x"]).await;
    assert_eq!(client.ask("count").await, "count 1");
}

async fn row_10_timers_fire_with_their_payload(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    client.say("timer:1:first;timer:1:").await;
    client.texts(&["timer-id 1", "timer-id 2", "timer 1 first", "timer 2 "]).await;
    client.say("timer:20:third: é").await;
    client.texts(&["timer-id 3", "timer 3 third: é"]).await;
    assert_eq!(client.ask("count").await, "count 1");
}

async fn row_10_timers_fire_in_the_order_of_their_times(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    client.say("timer:600:c;timer:1:a;timer:300:b;timer:600:d").await;
    client.texts(&["timer-id 1", "timer-id 2", "timer-id 3", "timer-id 4"]).await;
    client.texts(&["timer 2 a", "timer 3 b", "timer 1 c", "timer 4 d"]).await;
}

async fn row_10_a_timer_may_start_the_next(mode: Mode) {
    let host = Host::shared().await;
    let ask = mode.ask(&host).opened("timer:1:x").info("count;timer:5:x");
    let mut client = ask.open().await;
    client.texts(&["timer-id 1", "count 1", "timer-id 2", "count 2", "timer-id 3"]).await;
}

async fn row_10_after_cancel_nothing_is_delivered(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    assert_eq!(client.ask("timer:2000:never").await, "timer-id 1");
    assert_eq!(client.ask("cancel:1").await, "cancelled true");
    assert_eq!(client.ask("cancel:1").await, "cancelled false");
    assert_eq!(client.ask("cancel:99").await, "cancelled false");
    client.say("timer:2200:later").await;
    client.texts(&["timer-id 2", "timer 2 later"]).await;
}

async fn row_10_a_timer_in_the_same_callback_is_cancelled(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    client.say("timer:1:never;timer:1:b;cancel:1;cancel:1;timer:300:c").await;
    client.texts(&["timer-id 1", "timer-id 2", "cancelled true", "cancelled false"]).await;
    client.texts(&["timer-id 3", "timer 2 b", "timer 3 c"]).await;
}

async fn row_10_a_timer_that_has_fired_is_not_cancelled(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    client.say("timer:1:a").await;
    client.texts(&["timer-id 1", "timer 1 a"]).await;
    assert_eq!(client.ask("cancel:1").await, "cancelled false");
}

async fn row_10_a_time_of_0_is_not_valid(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    for timer in ["timer:0:x", "timer:18446744073709551615:x"] {
        let answer = client.ask(timer).await;
        assert!(answer.starts_with("error invalid "), "{timer}: {answer}");
    }
    assert_eq!(client.ask("timer:1:x").await, "timer-id 1");
    client.texts(&["timer 1 x"]).await;
}

async fn row_10_timers_of_a_callback_that_traps_never_run(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).info("log:info:the timer of a trap").open().await;
    client.say("timer:1:x;trap").await;
    client.closed_with(1011).await;
    let mut other = mode.ask(&host).open().await;
    other.say("timer:100:x").await;
    other.texts(&["timer-id 1", "timer 1 x"]).await;
    assert_eq!(host.log().lines_with(&["the timer of a trap"]), [""; 0]);
}

/// Opens a connection, lets this be done to it, and returns the one reason that
/// its `terminate` was told.
async fn reason<F>(mode: Mode, settings: &[&str], act: impl FnOnce(Raw) -> F) -> String
where
    F: Future<Output = Option<Raw>>,
{
    let mut host = Host::of("scripted").set_all(settings).start().await;
    let mut raw = mode.ask(&host).opened("me").open_raw().await;
    let id = raw.text().await.replace("id ", "");
    if let Some(raw) = act(raw).await {
        raw.finish().await;
    }
    let reason = host.terminated(&id).await;
    host.stop().await;
    let calls = host.log().lines_with(&["guest::scripted: terminate ", &id]);
    assert_eq!(calls.len(), 1, "{calls:?}");
    reason
}

async fn reason_of_script(mode: Mode, script: &str) -> String {
    reason(mode, &[], async |mut raw| {
        raw.say(script).await;
        Some(raw)
    })
    .await
}

async fn reason_of_bytes(mode: Mode, bytes: &[u8]) -> String {
    reason(mode, &[], async |mut raw| {
        raw.write(bytes).await;
        Some(raw)
    })
    .await
}

async fn row_11_terminate_is_told_what_the_handler_did(mode: Mode) {
    for (script, expected) in [("close", "normal"), ("close:4321:bye", "normal"), ("stop", "stop")]
    {
        assert_eq!(reason_of_script(mode, script).await, expected, "{script}");
    }
    let timeout = reason(mode, &["idle_timeout_ms=200"], async |raw| Some(raw)).await;
    assert_eq!(timeout, "timeout");
}

async fn row_11_terminate_is_told_what_the_peer_did(mode: Mode) {
    let close = |payload: &[u8]| Frame::new(CLOSE, payload).encode();
    assert_eq!(reason_of_bytes(mode, &close(b"")).await, "remote none");
    let bye = close(&close_payload(4000, "bye: é"));
    assert_eq!(reason_of_bytes(mode, &bye).await, "remote 4000 bye: é");
    let hung_up = reason(mode, &[], async |raw| {
        raw.hang_up().await;
        None
    });
    assert_eq!(hung_up.await, "error closed");
}

async fn row_11_terminate_is_told_what_the_peer_did_wrong(mode: Mode) {
    let unmasked = Frame::new(TEXT, "x").unmasked().encode();
    assert_eq!(reason_of_bytes(mode, &unmasked).await, "error bad-frame");
    let latin1 = Frame::new(TEXT, b"caf\xe9").encode();
    assert_eq!(reason_of_bytes(mode, &latin1).await, "error bad-encoding");
    let large = Frame::new(TEXT, "").header(1_000_001);
    assert_eq!(reason_of_bytes(mode, &large).await, "error too-big");
}

async fn row_11_terminate_is_told_of_limits_and_mistakes(mode: Mode) {
    let limit = reason(mode, &["commands_max=2"], async |mut raw| {
        raw.say("text:a;text:b;text:c").await;
        Some(raw)
    });
    assert_eq!(limit.await, "limit commands_max");
    let mistake = reason_of_script(mode, "close:1005:x").await;
    assert!(mistake.starts_with("other "), "{mistake}");
}

async fn row_11_terminate_is_told_that_the_host_goes_down(mode: Mode) {
    let mut host = Host::of("scripted").start().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    host.signal(wshost_tests::Signal::TERM);
    client.closed_with(1001).await;
    assert_eq!(host.terminated(&id).await, "shutdown");
    assert!(host.end().await.success());
    assert_eq!(host.log().lines_with(&["guest::scripted: terminate "]).len(), 1);
}

async fn row_11_terminate_is_not_called_after_a_trap(mode: Mode) {
    let mut host = Host::of("scripted").set("callback_time_max_ms=100").start().await;
    for script in ["trap", "panic:help", "loop", "recurse"] {
        let mut client = mode.ask(&host).open().await;
        client.say(script).await;
        client.closed_with(1011).await;
    }
    host.stop().await;
    assert_eq!(host.log().lines_with(&["guest::scripted: terminate "]), [""; 0]);
}

async fn row_11_terminate_is_optional(mode: Mode) {
    let mut host = Host::of("scripted").start().await;
    let mut client = mode.ask(&host).init("only:frames").open().await;
    client.say("stop").await;
    client.closed_with(1000).await;
    host.stop().await;
    assert_eq!(host.log().lines_with(&["guest::scripted: terminate "]), [""; 0]);
}

async fn row_11_a_trap_in_terminate_is_logged_and_the_peer_not_told(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).terminate("trap").open().await;
    let id = client.id().await;
    client.say("close:4000:bye").await;
    assert_eq!(client.closed().await, Some((4000, "bye".to_owned())));
    host.log().line_with(&["WARN", "plugin=scripted", &id, "callback=\"terminate\""]).await;
}

async fn row_12_a_trap_touches_no_other(mode: Mode) {
    let host = Host::of("scripted").set("callback_time_max_ms=500").start().await;
    let mut witness = mode.ask(&host).open().await;
    assert_eq!(witness.ask("count").await, "count 1");
    for (count, (script, says)) in [
        ("trap", "unreachable"),
        ("panic:on purpose", "unreachable"),
        ("loop", "ran for more than 500 ms (callback_time_max_ms)"),
        ("recurse", "call stack exhausted"),
        ("grow:70000000", "memory_max_bytes"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = mode.ask(&host).open().await;
        let id = client.id().await;
        client.say(script).await;
        client.closed_with(1011).await;
        let parts = ["WARN", "plugin=scripted", &id, "callback=\"frames\"", "code=1011", says];
        host.log().line_with(&parts).await;
        assert_eq!(witness.ask("count").await, format!("count {}", count + 2));
    }
}
