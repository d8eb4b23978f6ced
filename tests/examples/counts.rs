//! What `cargo xtask count` runs under valgrind: a host in this process, and clients that
//! have so many events happen to it.
//!
//! ```text
//! counts SCENARIO EVENTS
//! ```
//!
//! Two runs with different numbers of events differ by what the events take, so that
//! everything else cancels out. The clients' own part is the same for every host.

#![allow(clippy::unwrap_used)] // What fails here is a fault of the measurement.

use std::{
    env,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread,
};

use tokio::{net::TcpListener, runtime};
use wshost::{
    config::Configuration,
    hibernation::{Settings, SnapshotStore},
    key_value::Stores,
    plugin::{Cache, Compiler, Loader},
    sandbox,
    server::{Common, Edge, Host, Sites, routes::Pattern},
};
use wshost_tests::{cache, guest};

/// Connections of a scenario. They take turns.
const CONNECTIONS: usize = 32;
/// Small, as valgrind has little address space.
const SETTINGS: [&str; 4] = [
    "instances_max=64",
    "instances_warm_max=16",
    "memory_max_bytes=4194304",
    "hibernate_grace_ms=0",
];
/// 64 bytes.
const TEXT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct Scenario {
    name: &'static str,
    guest: &'static str,
    path: &'static str,
    run: fn(&mut [TcpStream], usize),
}

const SCENARIOS: [Scenario; 3] = [
    Scenario { name: "awake", guest: "echo", path: "/", run: echo },
    Scenario { name: "asleep", guest: "echo", path: "/?hibernate", run: echo },
    Scenario { name: "delivery", guest: "scripted", path: "/", run: deliver },
];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, events] = &arguments[..] else { panic!("usage: counts SCENARIO EVENTS") };
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
    let Scenario { guest, path, run, .. } = scenario.expect("there is a scenario of this name");
    let address = serve(guest);
    let mut sockets: Vec<_> = (0..CONNECTIONS).map(|_| open(address, path)).collect();
    run(&mut sockets, events.parse().unwrap());
}

/// Starts a host, on a thread of its own.
fn serve(name: &'static str) -> SocketAddr {
    let (sender, address) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let configuration = Configuration::of(&SETTINGS).unwrap();
            let engine = sandbox::engine(configuration.host()).unwrap();
            let kept = Cache::open(&cache(), configuration.host().cache_max_bytes).unwrap();
            let compiler = Compiler::in_process().with_cache(Some(kept));
            let (stores, metrics) = (Stores::default(), Arc::default());
            let loader = Loader { engine, compiler, configuration, stores, metrics };
            let plugin = loader.load(&guest(name)).await.unwrap();
            let config = plugin.tenant.config.clone();
            let settings = Settings { memory_max_bytes: config.snapshots_max_bytes, spill: None };
            let snapshots = SnapshotStore::new(settings).unwrap();
            let sites = Sites::new(Common::new(&config, snapshots, usize::MAX / 2));
            sites.deploy(plugin, &[Pattern::everything()]).unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            let host = Host::new(config, sites, None, Edge::default(), Arc::default(), None);
            host.listen(listener).await;
        });
    });
    address.recv().unwrap()
}

fn open(address: SocketAddr, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_nodelay(true).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    socket
}

/// Sends a text of less than 126 bytes. Its mask is zero.
fn say(socket: &mut TcpStream, text: &str) {
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    frame.extend(text.as_bytes());
    socket.write_all(&frame).unwrap();
}

fn hear(socket: &mut TcpStream, text: &str) {
    let mut frame = vec![0; 2 + text.len()];
    socket.read_exact(&mut frame).unwrap();
    assert_eq!(&frame[2..], text.as_bytes());
}

/// Each says something in its turn, and hears it.
fn echo(sockets: &mut [TcpStream], events: usize) {
    for number in 0..events {
        let socket = &mut sockets[number % CONNECTIONS];
        say(socket, TEXT);
        hear(socket, TEXT);
    }
}

/// The first publishes what all others hear. An event is a delivery.
fn deliver(sockets: &mut [TcpStream], events: usize) {
    let (publisher, subscribers) = sockets.split_first_mut().unwrap();
    for subscriber in &mut *subscribers {
        say(subscriber, "sub:all;text:ok");
        hear(subscriber, "ok");
    }
    for _ in 0..events / subscribers.len() {
        say(publisher, &format!("pub-others:all:{TEXT}"));
        for subscriber in &mut *subscribers {
            hear(subscriber, TEXT);
        }
    }
}
