//! Peers of every bad kind, many at once.

use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet};
use wshost_tests::{
    BINARY, CONTINUATION, Frame, Mode, PING, Raw, TEXT, deflated, exchange, patiently,
};

use super::memory::Attacked;

/// Those that cost the system much, too, are fewer.
const PEERS: usize = 100;
const FEW_PEERS: usize = 10;

const CLOSED: &str = "wshost_websockets_closed_total";

/// Writes to each socket, as long as the host takes it.
fn write_all(sockets: Vec<Raw>, bytes: &[u8]) -> JoinSet<()> {
    let write = |mut raw: Raw| {
        let bytes = bytes.to_vec();
        async move {
            // The host may end it.
            let _ = raw.try_write(&bytes).await;
            std::future::pending::<()>().await;
        }
    };
    sockets.into_iter().map(write).collect()
}

async fn open(attacked: &Attacked, count: usize) -> Vec<Raw> {
    let mut sockets = Vec::new();
    for _ in 0..count {
        sockets.push(attacked.open().await);
    }
    sockets
}

fn encoded(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(Frame::encode).collect()
}

#[tokio::test]
async fn handshakes_that_do_not_end() {
    let mut attacked = Attacked::new(&["handshake_timeout_ms=2000"]).await;
    let mut heads = JoinSet::new();
    for _ in 0..PEERS {
        let address = attacked.host.address();
        let head = format!("GET / HTTP/1.1\r\nHost: x\r\nx-a: {}", "a".repeat(7_000));
        heads.spawn(async move { exchange(address, head).await });
    }
    attacked.host.metric_reaches("wshost_sockets_accepted_total", &[], 1 + PEERS as u64).await;
    attacked.serves_others().await;
    // They are not waited for for ever.
    while let Some(ended) = heads.join_next().await {
        ended.expect("the host closes it");
    }
    attacked.stays_within_bounds(PEERS).await;
}

#[tokio::test]
async fn heads_without_end() {
    let attacked = Attacked::new(&[]).await;
    let mut heads = JoinSet::new();
    for _ in 0..PEERS {
        let address = attacked.host.address();
        heads.spawn(async move {
            let head = format!("GET / HTTP/1.1\r\nHost: x\r\n{}", "x-a: b\r\n".repeat(100_000));
            exchange(address, head).await
        });
    }
    while let Some(answer) = heads.join_next().await {
        let answer = answer.expect("the host closes it");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    attacked.stays_within_bounds(PEERS).await;
}

#[tokio::test]
async fn readers_who_stop_reading_what_they_asked_for() {
    let mut attacked = Attacked::new(&[]).await;
    let ask = encoded(&[Frame::new(TEXT, "bytes:60000")]).repeat(500);
    let sockets = open(&attacked, FEW_PEERS).await;
    let writing = write_all(sockets, &ask);
    let sent = [r#"direction="sent",kind="binary""#];
    attacked.host.metric_reaches("wshost_messages_total", &sent, 20 * FEW_PEERS as u64).await;
    attacked.serves_others().await;
    attacked.stays_within_bounds(FEW_PEERS).await;
    drop(writing);
}

#[tokio::test]
async fn readers_too_slow_for_what_is_published() {
    let mut attacked = Attacked::new(&[]).await;
    let mut sockets = open(&attacked, FEW_PEERS).await;
    for raw in &mut sockets {
        raw.say("sub:t;text:in").await;
        assert_eq!(raw.text().await, "in");
    }
    let publish = format!("pub:t:{}", "x".repeat(16_000));
    while attacked.host.metric(CLOSED, &[r#"code="1013""#]).await < FEW_PEERS as u64 {
        for _ in 0..20 {
            attacked.good.say(&publish).await;
        }
        attacked.serves_others().await;
    }
    attacked.host.log().line_with(&["a limit was hit", "send_queue_max_bytes"]).await;
    attacked.stays_within_bounds(FEW_PEERS).await;
}

#[tokio::test]
async fn peers_that_are_not_there_any_more() {
    let mut attacked = Attacked::new(&["keep_alive_ms=1000", "idle_timeout_ms=1500"]).await;
    let _sockets = open(&attacked, PEERS).await;
    while attacked.host.metric(CLOSED, &[r#"side="host",code="1000""#]).await < PEERS as u64 {
        attacked.serves_others().await;
    }
    let pings = [r#"direction="sent",kind="ping""#];
    assert!(attacked.host.metric("wshost_messages_total", &pings).await >= PEERS as u64);
    attacked.stays_within_bounds(PEERS).await;
}

/// Each of 100,000, as often as there are peers.
async fn a_million(frame: &Frame, kind: &str) {
    let mut attacked = Attacked::new(&[]).await;
    let mut sockets = Vec::new();
    for _ in 0..FEW_PEERS {
        let ask = Mode::HTTP1.ask(&attacked.host).init("hide-control");
        sockets.push(ask.open_raw().await);
    }
    let writing = write_all(sockets, &encoded(std::slice::from_ref(frame)).repeat(100_000));
    attacked.serves_others().await;
    let received = [r#"direction="received""#, &format!("kind=\"{kind}\"")];
    attacked.host.metric_reaches("wshost_messages_total", &received, 1_000_000).await;
    attacked.stays_within_bounds(FEW_PEERS).await;
    drop(writing);
}

#[tokio::test]
async fn a_million_tiny_frames() {
    a_million(&Frame::new(BINARY, ""), "binary").await;
}

#[tokio::test]
async fn a_million_pings() {
    a_million(&Frame::new(PING, ""), "ping").await;
}

#[tokio::test]
async fn fragments_without_end() {
    let mut attacked = Attacked::new(&[]).await;
    let sockets = open(&attacked, FEW_PEERS).await;
    let first = encoded(&[Frame::new(TEXT, "x").more()]);
    let next = encoded(&[Frame::new(CONTINUATION, "x").more()]).repeat(70_000);
    let writing = write_all(sockets, &[first, next].concat());
    attacked.serves_others().await;
    attacked.host.metric_reaches(CLOSED, &[r#"code="1009""#], FEW_PEERS as u64).await;
    attacked.host.log().line_with(&["a limit was hit", "frame_size_bytes"]).await;
    attacked.stays_within_bounds(FEW_PEERS).await;
    drop(writing);
}

/// What one write brings would be 20 MB of each.
#[tokio::test]
async fn bombs() {
    const EACH: usize = 300;
    let mut attacked = Attacked::new(&[]).await;
    let mut sockets = Vec::new();
    for _ in 0..FEW_PEERS {
        let ask = Mode::HTTP1.ask(&attacked.host).init("compress");
        let ask = ask.header("sec-websocket-extensions", "permessage-deflate");
        sockets.push(ask.open_raw().await);
    }
    let bomb = Frame::new(BINARY, deflated(&[0; 65_000])).reserved(4);
    let writing = write_all(sockets, &encoded(&[bomb]).repeat(EACH));
    attacked.serves_others().await;
    let received = [r#"direction="received",kind="binary""#];
    let count = (EACH * FEW_PEERS) as u64;
    attacked.host.metric_reaches("wshost_messages_total", &received, count).await;
    attacked.stays_within_bounds(FEW_PEERS).await;
    drop(writing);
}

#[tokio::test]
async fn mailboxes_of_those_who_stopped_reading() {
    let mut attacked = Attacked::new(&["effects_max=1000"]).await;
    let (mut sockets, mut ids) = (open(&attacked, FEW_PEERS).await, Vec::new());
    for raw in &mut sockets {
        raw.say("me").await;
        ids.push(raw.text().await.trim_start_matches("id ").to_owned());
    }
    let ask = encoded(&[Frame::new(TEXT, "bytes:60000")]).repeat(500);
    let writing = write_all(sockets, &ask);
    let dropped = 200 * FEW_PEERS as u64;
    while attacked.host.metric("wshost_mail_dropped_total", &[]).await < dropped {
        for id in &ids {
            let send = format!("send:{id}:{};", "x".repeat(600));
            attacked.good.say(send.repeat(100)).await;
        }
        attacked.serves_others().await;
    }
    attacked.stays_within_bounds(FEW_PEERS).await;
    drop(writing);
}

#[tokio::test]
async fn sockets_that_say_nothing() {
    let mut attacked = Attacked::new(&["handshake_timeout_ms=2000"]).await;
    let mut sockets = Vec::new();
    for _ in 0..PEERS {
        sockets.push(TcpStream::connect(attacked.host.address()).await.expect("it accepts"));
    }
    attacked.host.metric_reaches("wshost_places_taken", &[], 1 + PEERS as u64).await;
    attacked.serves_others().await;
    for socket in &mut sockets {
        // Fails where the host has closed it.
        let _ = socket.write_all(b"G").await;
    }
    let fallen = attacked.host.metric_falls_to("wshost_places_taken", &[], 1);
    patiently("the host to close them", fallen).await;
    attacked.stays_within_bounds(PEERS).await;
}
