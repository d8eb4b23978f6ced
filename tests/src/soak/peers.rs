//! Peers that misbehave.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::SmallRng};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::Scene;
use crate::{BINARY, Frame, TEXT};

/// The pause between two, in milliseconds.
const PAUSE: std::ops::Range<u64> = 100..1_000;
/// How many stay, without a word, until others take their place.
const LINGERING: usize = 50;
/// What one who reads nothing asks for: two megabytes.
const MUCH: &str = "times:20:bytes:100000";
/// How long a peer tries to write.
const WRITING: Duration = Duration::from_secs(2);

/// Kinds of misbehaviour.
#[derive(Clone, Copy)]
enum Kind {
    /// Resets the socket in the middle of a frame.
    Reset,
    /// Stays, and says nothing more, in the middle of a frame.
    HalfOpen,
    /// Writes anything instead of HTTP.
    NoHttp,
    /// Writes anything instead of frames.
    NoFrames,
    /// Asks for much, and doesn't read.
    SlowReader,
    /// Writes many frames, and doesn't read.
    Flood,
    /// Stays in the middle of a request.
    HalfRequest,
}

const KINDS: [(Kind, &str); 7] = [
    (Kind::Reset, "reset in a frame"),
    (Kind::HalfOpen, "half-open peer"),
    (Kind::NoHttp, "garbage for HTTP"),
    (Kind::NoFrames, "garbage for frames"),
    (Kind::SlowReader, "peer that reads nothing"),
    (Kind::Flood, "flood of frames"),
    (Kind::HalfRequest, "half a request"),
];

/// Misbehaves again and again.
pub(super) async fn hostile(scene: Arc<Scene>, seed: u64) {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut lingering = VecDeque::new();
    while !scene.pause(&mut random, PAUSE).await {
        let (kind, name) = KINDS[random.random_range(0..KINDS.len())];
        scene.tally.fault(name);
        // The host may end it at any time, which is its right.
        let misbehaved = timeout(WRITING, misbehave(&scene, kind, &mut random)).await;
        if let Ok(Ok(Some(socket))) = misbehaved {
            lingering.push_back(socket);
        }
        if lingering.len() > LINGERING {
            lingering.pop_front();
        }
    }
}

/// Returns a socket that is to stay.
async fn misbehave(
    scene: &Scene,
    kind: Kind,
    random: &mut SmallRng,
) -> std::io::Result<Option<TcpStream>> {
    let mut socket = TcpStream::connect(scene.host.address()).await?;
    let mut garbage = vec![0; random.random_range(1..4_000)];
    random.fill_bytes(&mut garbage);
    match kind {
        Kind::NoHttp => {
            socket.write_all(&garbage).await?;
            return Ok(None);
        }
        Kind::HalfRequest => {
            socket.write_all(&REQUEST.as_bytes()[..random.random_range(0..REQUEST.len())]).await?;
            return Ok(Some(socket));
        }
        _ => open(&mut socket).await?,
    }
    let cut = Frame::new(BINARY, &garbage).encode();
    let cut = &cut[..random.random_range(0..cut.len())];
    match kind {
        Kind::Reset => {
            socket.write_all(cut).await?;
            socket.set_zero_linger()?;
            Ok(None)
        }
        Kind::HalfOpen => {
            socket.write_all(cut).await?;
            Ok(Some(socket))
        }
        Kind::NoFrames => {
            socket.write_all(&garbage).await?;
            Ok(None)
        }
        Kind::SlowReader => {
            socket.write_all(&Frame::new(TEXT, MUCH).encode()).await?;
            Ok(Some(socket))
        }
        _ => {
            let frame = Frame::new(TEXT, "count").encode();
            socket.write_all(&frame.repeat(random.random_range(1_000..20_000))).await?;
            Ok(None)
        }
    }
}

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: here\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Opens a WebSocket, reading the response to its end.
async fn open(socket: &mut TcpStream) -> std::io::Result<()> {
    socket.write_all(REQUEST.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    Ok(())
}
