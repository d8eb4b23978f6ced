//! Connections that behave well, and check every message. A session ends in a panic
//! where something is missing or otherwise than it should be.

use std::sync::Arc;

use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::SmallRng};

use super::{Scene, guarded};
use crate::{Ask, BINARY, CONTINUATION, Client, Frame, Inflater, Mode, PING, PONG, Raw, deflated};

/// How many topics there are. To those of even numbers frames are published, to the
/// others messages.
pub(super) const TOPICS: usize = 20;
/// How many things a connection does before it closes.
const STEPS: std::ops::Range<u32> = 5..60;
/// The pause after each, in milliseconds.
const PAUSE: std::ops::Range<u64> = 0..8_000;
/// Neither a silent peer nor a ping is the handler's business.
const QUIET: &str = "idle:infinity;hide-control";
/// Under the host's `frame_size_bytes`.
const LARGE_BYTES: usize = 900_000;
/// The pause between two publishes, in milliseconds.
const PUBLISH_PAUSE: std::ops::Range<u64> = 200..2_000;

/// Comes again and again, always of the same kind.
pub(super) async fn member(scene: Arc<Scene>, number: usize, seed: u64) {
    let mut random = SmallRng::seed_from_u64(seed);
    while !scene.pause(&mut random, 0..2_000).await {
        let (seed, shared) = (random.random(), scene.clone());
        scene.tally.came();
        if let Err(what) = guarded(session(shared, number, seed)).await {
            scene.lost(&format!("member {number}"), &what);
        }
    }
}

async fn session(scene: Arc<Scene>, number: usize, seed: u64) {
    let random = SmallRng::seed_from_u64(seed);
    let mode = if number.is_multiple_of(4) { Mode::HTTP2 } else { Mode::HTTP1 };
    // Its log says nothing of who falls asleep: nobody waits for that.
    let ask = mode.ask_address(scene.host.address());
    match number % 10 {
        0..=3 => echo(&scene, ask, random).await,
        4..=6 => counter(&scene, ask, random).await,
        7..=8 => subscriber(&scene, ask, number / 10 % TOPICS, random).await,
        _ => pinger(&scene, ask, random).await,
    }
}

async fn leave(mut client: Client) {
    client.close(Some((1000, ""))).await;
    client.closed_with(1000).await;
}

async fn leave_raw(mut raw: Raw) {
    raw.send(&[Frame::new(crate::CLOSE, 1000_u16.to_be_bytes())]).await;
    raw.closed_with(1000).await;
}

/// Sends bytes of all lengths, whole or in fragments, compressed or not, and gets
/// them back.
async fn echo(scene: &Scene, ask: Ask, mut random: SmallRng) {
    let compressed = random.random_bool(0.3);
    let ask = if compressed {
        let init = format!("{QUIET};compress");
        ask.init(&init).header("sec-websocket-extensions", "permessage-deflate")
    } else {
        ask.init(QUIET)
    };
    let mut raw = ask.open_raw().await;
    for _ in 0..random.random_range(STEPS) {
        let data = payload(&mut random);
        let frames = if compressed {
            vec![Frame::new(BINARY, deflated(&data)).reserved(4)]
        } else if random.random_bool(0.3) {
            fragments(&data, &mut random)
        } else {
            vec![Frame::new(BINARY, &data)]
        };
        raw.send(&frames).await;
        let answer = next_but_pongs(&mut raw).await;
        let echoed = if answer.reserved == 4 {
            Inflater::default().inflate(&answer.payload, LARGE_BYTES)
        } else {
            answer.payload
        };
        assert!(
            answer.opcode == BINARY && echoed == data,
            "{} bytes came back otherwise",
            data.len()
        );
        scene.tally.checked();
        if scene.pause(&mut random, PAUSE).await {
            break;
        }
    }
    leave_raw(raw).await;
}

/// Mostly short ones; text is what compresses.
fn payload(random: &mut SmallRng) -> Vec<u8> {
    let len = match random.random_range(0..100) {
        0..60 => random.random_range(0..200),
        60..85 => random.random_range(0..4_096),
        85..97 => random.random_range(0..65_536),
        _ => random.random_range(0..LARGE_BYTES),
    };
    let mut data = vec![0; len];
    random.fill_bytes(&mut data);
    let half = len / 2;
    data[half..].fill(b'a');
    data
}

/// Of a message, with a ping among them.
fn fragments(data: &[u8], random: &mut SmallRng) -> Vec<Frame> {
    let (first, rest) = data.split_at(random.random_range(0..=data.len()));
    let (second, third) = rest.split_at(random.random_range(0..=rest.len()));
    vec![
        Frame::new(BINARY, first).more(),
        Frame::new(PING, "among fragments"),
        Frame::new(CONTINUATION, second).more(),
        Frame::new(CONTINUATION, third),
    ]
}

async fn next_but_pongs(raw: &mut Raw) -> Frame {
    loop {
        match raw.next().await {
            Some(Frame { opcode: PONG, payload, .. }) => assert_eq!(payload, b"among fragments"),
            Some(frame) => return frame,
            None => panic!("the host has closed the socket"),
        }
    }
}

/// Counts, and sleeps between: the count is its handler's state.
async fn counter(scene: &Scene, ask: Ask, mut random: SmallRng) {
    let mut client = ask.init(QUIET).open().await;
    for count in 1..random.random_range(STEPS) {
        let said: u64 = random.random();
        client.say(format!("count;text:{said};hibernate")).await;
        client.texts(&[&format!("count {count}"), &said.to_string()]).await;
        scene.tally.checked();
        if scene.pause(&mut random, PAUSE).await {
            break;
        }
    }
    leave(client).await;
}

/// Gets all that is published to a topic from when it came, in order.
async fn subscriber(scene: &Scene, ask: Ask, topic: usize, mut random: SmallRng) {
    let asleep = if random.random() { ";hibernate" } else { "" };
    let opened = format!("sub:topic{topic};text:here{asleep}");
    let mut client = ask.init(QUIET).opened(&opened).open().await;
    client.texts(&["here"]).await;
    let mut last: Option<u64> = None;
    for _ in 0..random.random_range(STEPS) {
        let text = tokio::select! {
            text = client.text() => text,
            () = scene.over() => break,
        };
        // Of a message, what it says is the last word.
        let number = text.rsplit(' ').next().and_then(|word| word.parse().ok());
        let number: u64 = number.unwrap_or_else(|| panic!("`{text}` was not published"));
        assert!(last.is_none_or(|last| number == last + 1), "{number} after {last:?}");
        last = Some(number);
        scene.tally.checked();
    }
    client.close(Some((1000, ""))).await;
    // More may have been published meanwhile.
    let (_, code) = client.until_closed().await;
    assert_eq!(code, 1000);
}

/// Pings, and is answered.
async fn pinger(scene: &Scene, ask: Ask, mut random: SmallRng) {
    let mut raw = ask.init(QUIET).open_raw().await;
    for _ in 0..random.random_range(STEPS) {
        let mut said = vec![0; random.random_range(0..=125)];
        random.fill_bytes(&mut said);
        raw.send(&[Frame::new(PING, &said)]).await;
        let pong = raw.next().await.map(|frame| (frame.opcode, frame.payload));
        assert!(pong == Some((PONG, said)), "a ping was answered otherwise");
        scene.tally.checked();
        if scene.pause(&mut random, PAUSE).await {
            break;
        }
    }
    leave_raw(raw).await;
}

/// Publishes numbers to a topic, each one higher than the last.
pub(super) async fn publisher(scene: Arc<Scene>, topic: usize, seed: u64) {
    if let Err(what) = guarded(publish(scene.clone(), topic, seed)).await {
        scene.lost(&format!("publisher {topic}"), &what);
    }
}

async fn publish(scene: Arc<Scene>, topic: usize, seed: u64) {
    let mut random = SmallRng::seed_from_u64(seed);
    let word = if topic.is_multiple_of(2) { "pub" } else { "msg" };
    let mut client = Mode::HTTP1.ask_address(scene.host.address()).init(QUIET).open().await;
    for number in 0_u64.. {
        let said = format!("{word}:topic{topic}:{number};text:{number}");
        assert_eq!(client.ask(said).await, number.to_string());
        scene.tally.checked();
        if scene.pause(&mut random, PUBLISH_PAUSE).await {
            break;
        }
    }
    leave(client).await;
}
