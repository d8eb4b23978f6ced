//! `wshost bench`, against the real host and against servers that go wrong.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};
use wshost_tests::{Finished, Host, Identity, run_to_end, run_until};

/// Runs a scenario for a moment.
async fn bench(scenario: &str, url: &str) -> Finished {
    run_to_end(&arguments(scenario, url)).await
}

fn arguments<'a>(scenario: &'a str, url: &'a str) -> Vec<&'a str> {
    ["bench"].into_iter().chain(scenario.split_whitespace()).chain(["--json", url]).collect()
}

/// The report of one that must go well.
async fn report(scenario: &str, url: &str) -> Value {
    let finished = bench(scenario, url).await;
    assert_eq!(finished.status, Some(0), "{finished:?}");
    serde_json::from_str(&finished.stdout).expect("--json writes JSON")
}

#[track_caller]
fn number(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or_else(|| panic!("no {name} in {report}"))
}

async fn url_of(guest: &str) -> (Host, String) {
    let host = Host::of(guest).start().await;
    let url = format!("ws://{}/", host.address());
    (host, url)
}

#[tokio::test]
async fn echo_counts_and_times_what_it_sends() {
    let (host, url) = url_of("echo").await;
    let scenario = "echo --connections 10 --in-flight 3 --size 200 --seconds 1 --warm-up 0.1";
    let with_pid = format!("{scenario} --pid {}", host.pid());
    let report = report(&with_pid, &url).await;
    assert_eq!(report["scenario"], "echo");
    let (messages, seconds) = (number(&report, "messages"), number(&report, "seconds"));
    assert!(messages > 0.0 && (0.9..10.0).contains(&seconds), "{report}");
    let rate = number(&report, "messages_per_second");
    assert!((rate - messages / seconds).abs() < 1.0, "{report}");
    assert!(number(&report, "server_cpu_seconds") > 0.0, "{report}");
    let quantiles = ["p50", "p90", "p99", "p999", "max"];
    let times = quantiles.map(|name| number(&report, &format!("latency_{name}_us")));
    assert!(times[0] > 0.0 && times.is_sorted(), "{report}");
}

#[tokio::test]
async fn connect_counts_connections() {
    let (_host, url) = url_of("echo").await;
    let scenario = "connect --connections-at-once 4 --echo --seconds 0.5 --warm-up 0";
    let report = report(scenario, &url).await;
    assert!(number(&report, "setups") > 0.0, "{report}");
    assert!(number(&report, "latency_p50_us") > 0.0, "{report}");
}

#[tokio::test]
async fn connect_keeps_connections() {
    let (host, url) = url_of("echo").await;
    let scenario = format!("connect --keep 30 --connections-at-once 4 --pid {}", host.pid());
    for scenario in [format!("{scenario} --echo"), scenario] {
        let report = report(&scenario, &url).await;
        assert_eq!((number(&report, "kept"), number(&report, "setups")), (30.0, 30.0), "{report}");
        assert!(number(&report, "setups_per_server_cpu_second") > 0.0, "{report}");
        assert!(number(&report, "latency_p50_us") > 0.0, "{report}");
    }
}

/// Kept means open together, however few set-ups are under way at once.
#[tokio::test]
async fn connections_kept_are_open_together() {
    let (open, opens) = watch::channel((0, 0));
    let url = serve(move |socket| {
        let open = open.clone();
        async move {
            open.send_modify(|(now, most)| {
                *now += 1;
                *most = (*most).max(*now);
            });
            echo(socket).await;
            open.send_modify(|(now, _)| *now -= 1);
        }
    });
    let report = report("connect --keep 8 --connections-at-once 1", &url.await).await;
    assert_eq!(number(&report, "setups"), 8.0, "{report}");
    let (_, most) = *opens.borrow();
    assert_eq!(most, 8);
}

#[tokio::test]
async fn sparse_connections_take_turns() {
    let (host, url) = url_of("echo").await;
    let scenario = "sparse --connections 20 --size 100 --seconds 0.5 --warm-up 0.1";
    let with_pid = format!("{scenario} --pid {}", host.pid());
    let all_at_once = report(&with_pid, &url).await;
    assert_eq!(all_at_once["scenario"], "sparse");
    assert_eq!(number(&all_at_once, "at_once"), 20.0, "{all_at_once}");
    let messages = number(&all_at_once, "messages");
    let us = number(&all_at_once, "server_cpu_us_per_message");
    let cpu_us = number(&all_at_once, "server_cpu_seconds") * 1e6;
    assert!(messages > 0.0 && (us * messages - cpu_us).abs() < 1.0, "{all_at_once}");
    assert!(number(&all_at_once, "latency_p50_us") > 0.0, "{all_at_once}");
}

/// With so many at once there are never more messages in flight, and everybody has a turn.
#[tokio::test]
async fn sparse_has_so_many_messages_in_flight() {
    #[derive(Default)]
    struct Seen {
        in_flight: usize,
        most_in_flight: usize,
        spoke: usize,
    }
    let seen = Arc::new(Mutex::new(Seen::default()));
    let at_server = seen.clone();
    let url = serve(move |mut socket| {
        let seen = at_server.clone();
        async move {
            let mut first = true;
            while let Some(Ok(message)) = socket.next().await {
                if !message.is_binary() {
                    continue; // a Close, which is answered by reading on
                }
                {
                    let mut seen = seen.lock().unwrap();
                    seen.in_flight += 1;
                    seen.most_in_flight = seen.most_in_flight.max(seen.in_flight);
                    seen.spoke += usize::from(std::mem::take(&mut first));
                }
                // All that has been sent is read before the first of it is answered.
                tokio::task::yield_now().await;
                seen.lock().unwrap().in_flight -= 1;
                let _ = socket.send(message).await;
            }
        }
    });
    let scenario = "sparse --connections 10 --at-once 3 --seconds 0.5 --warm-up 0";
    let report = report(scenario, &url.await).await;
    assert_eq!(number(&report, "at_once"), 3.0);
    let seen = seen.lock().unwrap();
    assert!(seen.most_in_flight <= 3, "{} in flight", seen.most_in_flight);
    assert_eq!(seen.spoke, 10);
}

/// At a rate messages are sent whether there are replies or not: this server answers none
/// until five have come.
#[tokio::test]
async fn sparse_at_a_rate_waits_for_no_reply() {
    let url = serve(|mut socket| async move {
        let mut held = Vec::new();
        while held.len() < 5 {
            let Some(Ok(message)) = socket.next().await else { return };
            held.push(message);
        }
        for message in held {
            let _ = socket.send(message).await;
        }
        echo(socket).await;
    });
    let scenario = "sparse --connections 1 --rate 500 --seconds 0.5 --warm-up 0";
    let report = report(scenario, &url.await).await;
    assert_eq!(number(&report, "rate_per_second"), 500.0);
    assert!(number(&report, "messages") > 0.0, "{report}");
    assert!(number(&report, "latency_p50_us") > 0.0, "{report}");
}

/// Connections that are never spoken on end as well.
#[tokio::test]
async fn sparse_at_a_low_rate_ends() {
    let (_host, url) = url_of("echo").await;
    let scenario = "sparse --connections 50 --rate 1 --seconds 0.2 --warm-up 0";
    let report = report(scenario, &url).await;
    assert_eq!(number(&report, "connections"), 50.0);
}

#[tokio::test]
async fn idle_tells_the_memory_of_a_connection() {
    let (host, url) = url_of("echo").await;
    let scenario = format!("idle --connections 100 --rest 0 --samples 20 --pid {}", host.pid());
    let report = report(&scenario, &url).await;
    let bytes = number(&report, "server_resident_bytes_per_connection");
    assert!((0.0..10_000_000.0).contains(&bytes), "{report}");
    assert_eq!(number(&report, "woken"), 20.0);
}

#[tokio::test]
async fn idle_wakes_counters_that_have_kept_their_totals() {
    let settings = ["instances_max=10", "hibernate_idle_ms=1"];
    let host = Host::of("counter").set_all(&settings).start().await;
    let url = format!("ws://{}/", host.address());
    let report = report("idle --counter --connections 100 --rest 0 --samples 100", &url).await;
    assert_eq!(number(&report, "woken"), 100.0);
    let (_host, echo) = url_of("echo").await;
    let finished = bench("idle --counter --connections 2 --rest 0", &echo).await;
    assert!(finished.only_line().contains("the total is 2, not `1`"), "{finished:?}");
}

/// In messages that don't fit a record of TLS, and small ones.
#[tokio::test]
async fn servers_are_loaded_over_tls() {
    let identity = Identity::new();
    let host = Host::of("echo").tls(&identity).start().await;
    let url = format!("wss://localhost:{}/", host.address().port());
    let authority = identity.certificate().display().to_string();
    for scenario in [
        "echo --connections 4 --in-flight 3 --size 100000 --seconds 0.5 --warm-up 0",
        "connect --connections-at-once 4 --echo --seconds 0.5 --warm-up 0",
    ] {
        let report = report(&format!("{scenario} --ca {authority}"), &url).await;
        assert!(number(&report, "latency_p50_us") > 0.0, "{report}");
    }
    let finished = bench("echo --connections 1", &url).await;
    let expected = "connection 1: TLS failed: invalid peer certificate";
    assert!(finished.only_line().starts_with(expected), "{finished:?}");
}

/// A server that does this with each connection. Returns its URL.
async fn serve<F>(handle: impl Fn(WebSocketStream<TcpStream>) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("ws://{}/", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let accepted = accept_async(stream).await;
            tokio::spawn(handle(accepted.expect("bench shakes hands")));
        }
    });
    url
}

/// Sends every message back.
async fn echo(mut socket: WebSocketStream<TcpStream>) {
    while let Some(Ok(message)) = socket.next().await {
        // A Close is answered by reading on.
        if message.is_binary() {
            // Fails once the client has gone.
            let _ = socket.send(message).await;
        }
    }
}

/// An echo server, that answers so many messages in all. Gives the number of
/// those that have come.
async fn one_that_answers(answers: usize) -> (String, watch::Receiver<usize>) {
    let (sender, come) = watch::channel(0);
    let url = serve(move |mut socket| {
        let sender = sender.clone();
        async move {
            while let Some(Ok(message)) = socket.next().await {
                if !message.is_binary() {
                    continue; // a Close, which is answered by reading on
                }
                sender.send_modify(|come| *come += 1);
                if *sender.borrow() <= answers {
                    // Fails once the client has gone.
                    let _ = socket.send(message).await;
                }
            }
        }
    });
    (url.await, come)
}

/// `idle` with 5 connections, at a server that answers so many messages, and
/// interrupted when one more has come.
async fn idle_interrupted(answers: usize) -> Finished {
    let (url, mut messages) = one_that_answers(answers).await;
    let scenario = format!("idle --connections 5 --rest 0 --pid {}", std::process::id());
    run_until(&arguments(&scenario, &url), messages.wait_for(|come| *come > answers)).await
}

/// Connections that `idle` makes and closes beforehand.
const PRIMERS: usize = 64;

#[tokio::test]
async fn idle_interrupted_reports_what_it_has() {
    // Five are open, three were woken, and the fourth gets no answer.
    let finished = idle_interrupted(PRIMERS + 5 + 3).await;
    assert_eq!(finished.status, Some(0), "{finished:?}");
    let report: Value = serde_json::from_str(&finished.stdout).expect("--json writes JSON");
    assert_eq!((number(&report, "connections"), number(&report, "woken")), (5.0, 3.0));
    assert!(number(&report, "server_resident_bytes") > 0.0, "{report}");
    assert!(number(&report, "latency_p50_us") > 0.0, "{report}");
}

#[tokio::test]
async fn idle_interrupted_at_once_has_nothing_to_report() {
    let finished = idle_interrupted(0).await;
    assert_eq!(finished.only_line(), "interrupted before anything was measured");
}

#[tokio::test]
async fn fanout_misses_nothing() {
    let scenario = "fanout --receivers 20 --seconds 0.5 --warm-up 0.1";
    let (_chat, url) = url_of("chat").await;
    let in_a_room = report(scenario, &format!("{url}room")).await;
    let (_scripted, url) = url_of("scripted").await;
    let by_words = format!("{scenario} --join sub:news --publish pub-others:news:{{}} --every 5");
    for report in [in_a_room, report(&by_words, &url).await] {
        assert!(number(&report, "deliveries") > 0.0, "{report}");
        assert_eq!(number(&report, "missing_in_all"), 0.0, "{report}");
        assert_eq!(number(&report, "duplicates_in_all"), 0.0, "{report}");
    }
}

#[tokio::test]
async fn fanout_at_a_server_that_is_no_chat_ends() {
    let (_host, url) = url_of("echo").await;
    let finished = bench("fanout --receivers 3 --join-within 0.3", &url).await;
    let line = finished.only_line();
    let expected = "connection 1: within 0.3 s a message has reached 0 of 3 receivers";
    assert!(line.starts_with(expected) && line.contains("--join-within"), "{finished:?}");
}

/// What becomes of a reply.
type Change = fn(&mut Vec<Message>);

/// An echo server for one connection, that changes its third reply.
async fn one_that_changes(change: Change) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("bench connects");
        let mut socket = accept_async(stream).await.expect("bench shakes hands");
        let mut count = 0;
        while let Some(Ok(message)) = socket.next().await {
            count += 1;
            let mut replies = vec![message];
            if count == 3 {
                change(&mut replies);
            }
            for reply in replies {
                // Fails once the client has seen enough.
                let _ = socket.send(reply).await;
            }
        }
    });
    (address, server)
}

#[tokio::test]
async fn a_wrong_reply_is_noticed() {
    let cases: [(Change, &str); 4] = [
        (
            |replies| {
                let mut data = replies[0].clone().into_data().to_vec();
                data[40] ^= 0x20;
                replies[0] = Message::binary(data);
            },
            "message 3: the reply is another: byte 40 is 0x68 instead of 0x48",
        ),
        (
            |replies| replies[0] = Message::text("0000"),
            "message 3: the reply has the opcode 1 instead of 2",
        ),
        (|replies| replies.insert(0, Message::binary("more")), "message 3: the reply has fewer"),
        (
            |replies| replies[0] = Message::Close(None),
            "message 3: the server closed the connection (no code)",
        ),
    ];
    for (change, expected) in cases {
        let (address, server) = one_that_changes(change).await;
        let finished =
            bench("echo --connections 1 --seconds 20", &format!("ws://{address}/")).await;
        let expected = format!("connection 1: {expected}");
        assert!(finished.only_line().contains(&expected), "{finished:?}");
        server.await.unwrap();
    }
}

#[tokio::test]
async fn what_can_not_be_measured_is_told_in_a_line() {
    let (_host, url) = url_of("echo").await;
    for (scenario, url, expected) in [
        ("echo", "ws://127.0.0.1:1/", "connection 1: can't connect to 127.0.0.1:1"),
        ("echo", "http://127.0.0.1:1/", "is no address like ws://127.0.0.1:8080/"),
        ("connect --pid 4294967295", &url, "can't tell what process 4294967295 uses"),
        ("fanout --size 1", &url, "--size must be"),
        ("sparse --connections 2 --at-once 3", &url, "--at-once can't be more"),
        ("echo --connections 1 --header nonsense", &url, "the header `nonsense`"),
    ] {
        let scenario = if scenario == "echo" { "echo --connections 1" } else { scenario };
        let finished = bench(scenario, url).await;
        assert!(finished.only_line().contains(expected), "{finished:?}");
    }
}
