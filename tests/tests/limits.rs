//! What a plugin may have, in one callback, in one connection and in all: what is
//! too much is refused, named, and disturbs nobody else.

use std::fs;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use wshost_tests::{Host, Mode, each_mode, exchange, patiently};

each_mode![
    timers_are_limited_in_all,
    subscriptions_are_limited_in_all,
    mail_is_limited_in_all,
    what_a_callback_returns_is_limited,
    what_is_passed_in_one_call_is_limited,
    how_many_wait_in_host_calls_is_limited,
    a_callback_that_waits_for_too_long_is_ended,
    time_spent_waiting_is_no_running_time,
    who_was_in_the_background_is_reached_afterwards,
];

async fn timers_are_limited_in_all(mode: Mode) {
    let settings = ["plugin_timers_max=2", "plugin_timers_max_bytes=9"];
    let host = Host::of("scripted").set_all(&settings).start().await;
    let mut first = mode.ask(&host).open().await;
    let mut second = mode.ask(&host).open().await;
    assert_eq!(first.ask("timer:600000:12345").await, "timer-id 1");
    assert_eq!(second.ask("timer:600000:12345").await, "error limit plugin_timers_max_bytes");
    assert_eq!(second.ask("timer:600000:1234").await, "timer-id 1");
    assert_eq!(first.ask("timer:600000:").await, "error limit plugin_timers_max");
    host.log().line_with(&["WARN", "a limit was hit", "plugin_timers_max"]).await;
    assert_eq!(second.ask("cancel:1").await, "cancelled true");
    assert_eq!(first.ask("timer:600000:").await, "timer-id 2");
    first.say("stop").await;
    first.closed_with(1000).await;
    assert_eq!(second.ask("timer:600000:123456789").await, "timer-id 2");
}

async fn subscriptions_are_limited_in_all(mode: Mode) {
    let host = Host::of("scripted").set("plugin_subscriptions_max=2").start().await;
    let mut first = mode.ask(&host).open().await;
    let mut second = mode.ask(&host).open().await;
    assert_eq!(first.ask("sub:a;sub:b;text:in").await, "in");
    assert_eq!(second.ask("sub:a").await, "error limit plugin_subscriptions_max");
    assert_eq!(first.ask("unsub:a;text:out").await, "out");
    assert_eq!(second.ask("sub:a;text:in").await, "in");
    first.say("trap").await;
    first.closed_with(1011).await;
    assert_eq!(second.ask("sub:b;text:in").await, "in");
}

async fn mail_is_limited_in_all(mode: Mode) {
    let settings = ["plugin_mail_max_bytes=10", "payload_max_bytes=10"];
    let host = Host::of("scripted").set_all(&settings).start().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    client.say(&format!("send:{id}:123456;send:{id}:12345;send:{id}:1234")).await;
    client.texts(&[&format!("direct {id} 123456"), &format!("direct {id} 1234")]).await;
    host.log().line_with(&["WARN", "a limit was hit", "plugin_mail_max_bytes"]).await;
    // What was taken is given back.
    client.say(&format!("send:{id}:1234567890")).await;
    client.texts(&[&format!("direct {id} 1234567890")]).await;
}

/// Asks for a response of so many bytes, more than the system takes for a peer.
fn asks_for(bytes: usize) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\nx-init: respond-bytes:200:{bytes}\r\n\r\n"
    )
}

#[tokio::test]
async fn responses_that_are_not_taken_are_limited_in_all() {
    let host = Host::of("scripted").set("plugin_responses_max_bytes=40000000").start().await;
    let mut slow = TcpStream::connect(host.address()).await.unwrap();
    slow.write_all(asks_for(40_000_000).as_bytes()).await.unwrap();
    let mut begun = [0; 12];
    slow.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200");
    assert!(exchange(host.address(), asks_for(1)).await.starts_with("HTTP/1.1 503"));
    host.log().line_with(&["WARN", "a limit was hit", "plugin_responses_max_bytes"]).await;
    // It takes its response, so that there is room again.
    let mut rest = Vec::new();
    patiently("a response", slow.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.len() > 40_000_000);
    assert!(exchange(host.address(), asks_for(1)).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_response_has_a_time_to_be_taken_in() {
    let settings = ["response_timeout_ms=100", "plugin_responses_max_bytes=40000000"];
    let host = Host::of("scripted").set_all(&settings).start().await;
    let mut slow = TcpStream::connect(host.address()).await.unwrap();
    slow.write_all(asks_for(40_000_000).as_bytes()).await.unwrap();
    host.log().line_with(&["not taken in time (response_timeout_ms)"]).await;
    // What it didn't take is held no more.
    assert!(exchange(host.address(), asks_for(40_000_000)).await.starts_with("HTTP/1.1 200"));
}

async fn what_a_callback_returns_is_limited(mode: Mode) {
    let host = Host::of("scripted").set("output_max_bytes=2000").start().await;
    let mut client = mode.ask(&host).open().await;
    client.say("bytes:1000;bytes:1000").await;
    assert_eq!(client.next().await.into_data().len(), 1000);
    assert_eq!(client.next().await.into_data().len(), 1000);
    client.say("bytes:1000;bytes:1001").await;
    client.closed_with(1011).await;
    host.log().line_with(&["WARN", "code=1011", "`frames` hit output_max_bytes"]).await;
}

async fn what_is_passed_in_one_call_is_limited(mode: Mode) {
    let host = Host::of("scripted").set("values_max_bytes=1048576").start().await;
    let mut client = mode.ask(&host).open().await;
    client.say("bytes:1000000").await;
    assert_eq!(client.next().await.into_data().len(), 1_000_000);
    client.say("bytes:1100000").await;
    client.closed_with(1011).await;
    host.log().line_with(&["WARN", "code=1011", "after it hit values_max_bytes"]).await;
}

async fn how_many_wait_in_host_calls_is_limited(mode: Mode) {
    let host = Host::of("scripted").set("plugin_waiting_max=1").start().await;
    let mut first = mode.ask(&host).open().await;
    let mut second = mode.ask(&host).open().await;
    // It waits when its log has this line, and for longer than the test takes.
    first.say("log:info:waits;wait:20000").await;
    host.log().line_with(&["guest::scripted: waits"]).await;
    second.say("wait:20000").await;
    second.closed_with(1011).await;
    host.log().line_with(&["WARN", "code=1011", "(plugin_waiting_max)"]).await;
    let mut third = mode.ask(&host).open().await;
    assert_eq!(third.ask("text:goes on").await, "goes on");
}

async fn a_callback_that_waits_for_too_long_is_ended(mode: Mode) {
    let settings = ["callback_wait_max_ms=100", "handshake_timeout_ms=200"];
    let host = Host::of("scripted").set_all(&settings).start().await;
    let mut client = mode.ask(&host).open().await;
    client.say("wait:20000").await;
    client.closed_with(1011).await;
    let line = ["WARN", "code=1011", "took more than 100 ms in all (callback_wait_max_ms)"];
    host.log().line_with(&line).await;

    let settings = ["callback_wait_max_ms=20000", "handshake_timeout_ms=200"];
    let host = Host::of("scripted").set_all(&settings).start().await;
    assert_eq!(mode.ask(&host).init("wait:20000").refused().await.status, 500);
    let line = ["WARN", "code=500", "took more than 200 ms in all (handshake_timeout_ms)"];
    host.log().line_with(&line).await;
}

async fn time_spent_waiting_is_no_running_time(mode: Mode) {
    let host = Host::of("scripted").set("callback_time_max_ms=100").start().await;
    let mut client = mode.ask(&host).open().await;
    assert_eq!(client.ask("wait:250;text:still here").await, "still here");
}

async fn who_was_in_the_background_is_reached_afterwards(mode: Mode) {
    let host = Host::of("scripted").start().await;
    let mut sender = mode.ask(&host).open().await;
    let mut busy = mode.ask(&host).open().await;
    let (from, to) = (sender.id().await, busy.id().await);
    for round in 0..5 {
        busy.say(&format!("log:info:begun {round};times:100000:unsub:nothing")).await;
        host.log().line_with(&[&format!("guest::scripted: begun {round}")]).await;
        let during = format!("send:{to}:during {round};text:sent");
        assert_eq!(sender.ask(during).await, "sent");
        busy.texts(&["times 100000", &format!("direct {from} during {round}")]).await;
        assert_eq!(sender.ask(format!("send:{to}:after;text:sent")).await, "sent");
        busy.texts(&[&format!("direct {from} after")]).await;
    }
}

#[tokio::test]
async fn memory_is_limited_in_all() {
    let settings = ["plugin_memory_max_bytes=8000000", "hibernate_idle_ms=infinity"];
    let host = Host::of("scripted").set_all(&settings).start().await;
    let mut large = Mode::HTTP1.ask(&host).open().await;
    assert_eq!(large.ask("grow:4000000;text:fits").await, "fits");
    let mut small = Mode::HTTP1.ask(&host).open().await;
    small.say("grow:4000000").await;
    small.closed_with(1011).await;
    host.log().line_with(&["WARN", "code=1011", "after it hit plugin_memory_max_bytes"]).await;
    assert_eq!(large.ask("grow:1000000;text:fits").await, "fits");
    // Nothing is left for one more.
    let mut others = Vec::new();
    while let Some(client) = Mode::HTTP1.ask(&host).try_open().await {
        others.push(client);
    }
    assert_eq!(Mode::HTTP1.ask(&host).refused().await.status, 503);
    host.log().line_with(&["no room for one more connection", "plugin_memory_max_bytes"]).await;
    large.say("stop").await;
    large.closed_with(1000).await;
    Mode::HTTP1.ask(&host).open().await;
}

#[tokio::test]
async fn lines_are_limited_in_all() {
    let host = Host::of("scripted").set("plugin_log_lines_max_per_second=2").start().await;
    for _ in 0..3 {
        let mut client = Mode::HTTP1.ask(&host).open().await;
        assert_eq!(client.ask("log:info:said;text:done").await, "done");
    }
    let mut client = Mode::HTTP1.ask(&host).open().await;
    let dropped = ["plugin_log_lines_max_per_second", "some were dropped"];
    while host.log().lines_with(&dropped).is_empty() {
        assert_eq!(client.ask("log:info:said;text:done").await, "done");
    }
}

/// What threads of this name have run for, in ticks of the system's clock.
fn ticks(pid: u32, name: &str) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the host runs");
    let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let of_name = stats.filter(|stat| stat.contains(&format!("({name})")));
    let run = |stat: String| {
        let fields: Vec<&str> = stat.rsplit(") ").next()?.split(' ').collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    };
    of_name.filter_map(run).sum()
}

/// A loop leaves the threads that serve sockets, whatever callback it is in.
#[tokio::test]
async fn what_runs_for_long_does_so_in_the_background() {
    let host = Host::of("scripted").set("callback_time_max_ms=500").start().await;
    for (what, ask) in [
        ("frames", Mode::HTTP1.ask(&host)),
        ("opened", Mode::HTTP1.ask(&host).opened("loop")),
        ("terminate", Mode::HTTP1.ask(&host).terminate("loop")),
        ("init", Mode::HTTP1.ask(&host).init("loop")),
    ] {
        let before = (ticks(host.pid(), "low"), ticks(host.pid(), "tokio-rt-worker"));
        if what == "init" {
            assert_eq!(ask.refused().await.status, 500);
        } else {
            let mut client = ask.open().await;
            if what != "opened" {
                client.say(if what == "frames" { "loop" } else { "stop" }).await;
            }
            client.closed().await;
        }
        let background = ticks(host.pid(), "low") - before.0;
        let io = ticks(host.pid(), "tokio-rt-worker") - before.1;
        assert!(background > 4 * io, "{what}: {background} ticks in the background, {io} else");
    }
}
