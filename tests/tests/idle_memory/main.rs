//! What a connection takes of the host's memory while nothing happens on it:
//! counted in the allocator, of a host in this process.

#![allow(clippy::unwrap_used)] // Its helpers are tests too.

mod counting;
#[path = "../../in_process/load.rs"]
mod load;
#[path = "../../in_process/serve.rs"]
mod serve;

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use tokio::runtime::Runtime;
use wshost::{
    connection::Shared,
    messaging::ConnectionId,
    plugin::Plugin,
    sandbox::{Instance, Phase, sample_request, types::FrameParam},
};
use wshost_tests::PATIENCE;

use self::{
    counting::{Counting, in_use},
    load::load,
    serve::serve,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CONNECTIONS: usize = 200;
/// What is served before counting begins: whatever is made once is there then.
const BEFORE: usize = 20;
/// What a connection takes at most, in bytes: beside its instance, and beside
/// its snapshot if its handler sleeps.
const BESIDE_INSTANCE_MAX: usize = 1_200;
const BESIDE_SNAPSHOT_MAX: usize = 1_000;

#[test]
fn a_connection_at_rest_takes_little() {
    let runtime = Runtime::new().unwrap();
    // With no room for snapshots all stay awake.
    let awake = Counted::new(&runtime, &["hibernate_idle_ms=1", "snapshots_max_bytes=1"]);
    let instance = bytes_per_instance(&runtime, &awake.shared.plugin);
    let connection = awake.bytes_per_connection(0);
    println!("awake: {connection} bytes, of them its instance: {instance}");
    assert!(connection - instance <= BESIDE_INSTANCE_MAX);

    // Warm instances belong to no connection.
    let asleep = Counted::new(&runtime, &["hibernate_idle_ms=1", "instances_warm_max=0"]);
    let connection = asleep.bytes_per_connection(BEFORE + CONNECTIONS);
    let snapshots = asleep.shared.snapshots.stats().memory;
    let snapshot = usize::try_from(snapshots.bytes).unwrap() / snapshots.snapshots;
    println!("asleep: {connection} bytes, of them its snapshot: {snapshot}");
    assert!(connection - snapshot <= BESIDE_SNAPSHOT_MAX);
}

/// A host in this process.
struct Counted {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Counted {
    fn new(runtime: &Runtime, settings: &[&str]) -> Self {
        let (shared, address) =
            runtime.block_on(async { serve(load("echo", settings).await).await });
        Self { shared, address }
    }

    /// Of one that has said something and heard the echo, when so many of all
    /// there are sleep.
    fn bytes_per_connection(&self, sleeping: usize) -> usize {
        let mut sockets = Vec::with_capacity(BEFORE + CONNECTIONS);
        sockets.extend((0..BEFORE).map(|_| open(self.address)));
        self.fall_asleep(sleeping.min(BEFORE));
        let before = at_rest();
        sockets.extend((0..CONNECTIONS).map(|_| open(self.address)));
        self.fall_asleep(sleeping);
        (at_rest() - before) / CONNECTIONS
    }

    fn fall_asleep(&self, count: usize) {
        while self.shared.snapshots.stats().memory.snapshots < count {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The host's memory for an instance that has handled a frame.
fn bytes_per_instance(runtime: &Runtime, plugin: &Plugin) -> usize {
    let mut instances = Vec::with_capacity(BEFORE + CONNECTIONS);
    let start = || runtime.block_on(instance(plugin));
    instances.extend((0..BEFORE).map(|_| start()));
    let before = in_use();
    instances.extend((0..CONNECTIONS).map(|_| start()));
    (in_use() - before) / CONNECTIONS
}

async fn instance(plugin: &Plugin) -> Box<Instance> {
    let id = ConnectionId::random();
    let mut instance = plugin.template.instantiate(id).await.unwrap();
    let id = id.to_string();
    instance.init(sample_request(&id)).await.unwrap();
    instance.ledger().phase = Phase::Open;
    instance.frames(&[FrameParam::Text("hi")]).await.unwrap();
    instance
}

/// A WebSocket that has said something and heard the echo. Its client takes no
/// memory but the system's.
fn open(address: SocketAddr) -> TcpStream {
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(REQUEST).unwrap();
    socket.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).unwrap();
    let (mut heard, mut len) = ([0; 1024], 0);
    while !heard[..len].ends_with(&[0x81, 2, b'h', b'i']) {
        let read = socket.read(&mut heard[len..]).unwrap();
        assert!(read > 0, "{:?}", String::from_utf8_lossy(&heard[..len]));
        len += read;
    }
    socket
}

/// The bytes in use once they are the same for a while: after its last answer a
/// task may still have a few steps to go.
fn at_rest() -> usize {
    let mut last = in_use();
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let now = in_use();
        if now == last {
            return now;
        }
        last = now;
    }
}
