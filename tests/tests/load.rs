//! Many connections at once.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::{sync::Barrier, task::JoinSet};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use wshost_tests::{Client, Host, Mode, pattern, raise_socket_limit};

/// Connections that echo.
const CONNECTIONS: usize = 1000;

/// Runs this for each number at once. The first that panics ends it.
async fn at_once<F>(count: usize, run: impl Fn(usize) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks: JoinSet<()> = (0..count).map(run).collect();
    while let Some(done) = tasks.join_next().await {
        done.expect("every connection gets what it sent");
    }
}

/// Bytes, and text of as many bytes.
struct Payload {
    bytes: Bytes,
    text: Utf8Bytes,
}

impl Payload {
    fn new(len: usize) -> Self {
        let mut text: String = "wörd ✓ 𝄞 ".chars().cycle().take(len).collect();
        text.truncate(text.floor_char_boundary(len));
        text.extend(std::iter::repeat_n('.', len - text.len()));
        Self { bytes: pattern(len).into(), text: text.into() }
    }

    async fn comes_back(&self, client: &mut Client) {
        for message in [Message::Binary(self.bytes.clone()), Message::Text(self.text.clone())] {
            client.send(message.clone()).await;
            let echo = client.next().await;
            assert!(echo == message, "{} bytes came back otherwise", self.bytes.len());
        }
    }
}

/// Echoes payloads of these lengths on so many connections, all open at once.
async fn echoes(connections: usize, lengths: &[usize]) {
    raise_socket_limit();
    let host = Arc::new(Host::of("echo").takes_turns().start().await);
    let all_open = Arc::new(Barrier::new(connections));
    let payloads: Arc<Vec<Payload>> =
        Arc::new(lengths.iter().map(|len| Payload::new(*len)).collect());
    at_once(connections, |_| {
        let (host, all_open, payloads) = (host.clone(), all_open.clone(), payloads.clone());
        async move {
            let mut client = Mode::HTTP1.ask(&host).open().await;
            all_open.wait().await;
            for payload in payloads.iter() {
                payload.comes_back(&mut client).await;
            }
            all_open.wait().await;
            client.close(Some((1000, ""))).await;
            client.closed_with(1000).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_echo_up_to_1_mib() {
    echoes(CONNECTIONS, &[0, 1, 125, 126, 4095, 65_535, 65_536, 1 << 20]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_connections_echo_16_mib() {
    echoes(10, &[16 << 20, (16 << 20) - 1, 1 << 20]).await;
}

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).expect("less than a usize")
    }
}

/// What is published as a frame goes to the sockets, and to them alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_for_ten_thousand_sleepers_wakes_none() {
    const SLEEPERS: usize = 10_000;
    const COMING_AT_ONCE: usize = 200;
    raise_socket_limit();
    // Who publishes stays awake, however long that takes.
    let settings = ["hibernate_grace_ms=0", "hibernate_idle_ms=infinity"];
    let host = Host::of("scripted").takes_turns().set_all(&settings).log("info").start().await;
    let mut sleepers = Vec::new();
    while sleepers.len() < SLEEPERS {
        let comers = (0..COMING_AT_ONCE)
            .map(async |_| Mode::HTTP1.ask(&host).opened("sub:news;hibernate").open().await);
        sleepers.extend(join_all(comers).await);
    }
    let asleep = ("wshost_connections", [r#"state="asleep""#]);
    host.metric_reaches(asleep.0, &asleep.1, SLEEPERS as u64).await;
    let mut publisher = Mode::HTTP1.ask(&host).open().await;
    publisher.say("pub:news:hello").await;
    let heard = sleepers.iter_mut().map(async |sleeper| sleeper.text().await);
    assert!(join_all(heard).await.iter().all(|text| text == "hello"));
    assert_eq!(host.metric(asleep.0, &asleep.1).await, SLEEPERS as u64);
    assert_eq!(host.metric("wshost_wake_seconds_count", &[]).await, 0);
    sleepers[0].say("count").await;
    assert_eq!(sleepers[0].text().await, "count 1");
    assert_eq!(host.metric("wshost_wake_seconds_count", &[]).await, 1);
}

/// While instances trap at random, whose places others take.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_connections_none_loses_a_message_while_a_hundred_trap() {
    const TRAPPING: usize = 100;
    raise_socket_limit();
    let host = Host::of("scripted").takes_turns().set("callback_time_max_ms=300").start().await;
    let host = Arc::new(host);
    let done = Arc::new(AtomicBool::new(false));
    let faults = Arc::new(AtomicUsize::new(0));
    let all_open = Arc::new(Barrier::new(CONNECTIONS + TRAPPING));
    let trapping = at_once(TRAPPING, |number| {
        let (host, done, faults) = (host.clone(), done.clone(), faults.clone());
        let all_open = all_open.clone();
        async move {
            let mut dice = Dice(number as u64 + 1);
            let mut client = Mode::HTTP1.ask(&host).open().await;
            all_open.wait().await;
            loop {
                fault(&mut client, &mut dice).await;
                faults.fetch_add(1, SeqCst);
                if done.load(SeqCst) {
                    break;
                }
                client = Mode::HTTP1.ask(&host).open().await;
            }
        }
    });
    let echoing = async {
        at_once(CONNECTIONS, |number| {
            let (host, all_open) = (host.clone(), all_open.clone());
            async move {
                let mut client = Mode::HTTP1.ask(&host).open().await;
                all_open.wait().await;
                converse(&mut client, number).await;
            }
        })
        .await;
        done.store(true, SeqCst);
    };
    tokio::join!(trapping, echoing);
    assert!(faults.load(SeqCst) >= TRAPPING);
    assert_eq!(host.log().lines_with(&["panicked at host"]), [""; 0]);
}

/// Echoes a little, and then fails in some way.
async fn fault(client: &mut Client, dice: &mut Dice) {
    for _ in 0..dice.roll(20) {
        assert_eq!(client.ask("still here").await, "still here");
    }
    let faults = ["trap", "panic:x", "recurse", "grow:100000000", "close:5", "loop"];
    // A loop takes its time: one in many is enough.
    let fault = faults[dice.roll(50).min(dice.roll(faults.len()))];
    client.say(fault).await;
    client.closed_with(1011).await;
}

/// Sends messages that nobody else sends, some of them before the answers to
/// those before, and expects each back in its order.
async fn converse(client: &mut Client, number: usize) {
    const ROUNDS: usize = 25;
    let mut dice = Dice(number as u64 + 12345);
    for round in 0..ROUNDS {
        let in_flight = 1 + dice.roll(6);
        let message = |index| {
            let head = format!("#{number}.{round}.{index} ");
            Message::text(head.clone() + &"x".repeat((number * 7 + round * 31 + index) % 2000))
        };
        for index in 0..in_flight {
            client.send(message(index)).await;
        }
        for index in 0..in_flight {
            let echo = client.next().await;
            assert!(echo == message(index), "#{number}.{round}.{index} came back as {echo:?}");
        }
    }
}
