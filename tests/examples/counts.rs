//! The program that `cargo xtask count` runs under valgrind: a host in this process, and
//! clients that cause a given number of events.
//!
//! ```text
//! counts SCENARIO EVENTS
//! ```
//!
//! Two runs with different numbers of events differ by the cost of the events, because
//! everything else cancels out. The clients' own cost is the same for every host.

#![allow(clippy::unwrap_used)] // A failed call is a fault of the measurement.

#[path = "../in_process/load.rs"]
mod load;
#[path = "../in_process/serve.rs"]
mod serve;

use std::{
    env,
    future::pending,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
};

use tokio::runtime;

use self::load::load;

/// The connections of a scenario, which take turns.
const CONNECTIONS: usize = 32;
/// The pool is small, because valgrind has little address space.
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
    let address = start(guest);
    let mut sockets: Vec<_> = (0..CONNECTIONS).map(|_| open(address, path)).collect();
    run(&mut sockets, events.parse().unwrap());
}

/// Starts a host, on a thread of its own.
fn start(name: &'static str) -> SocketAddr {
    let (sender, address) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_shared, address) = serve::serve(load(name, &SETTINGS).await).await;
            sender.send(address).unwrap();
            pending::<()>().await;
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

/// Echoes a text on each connection in its turn.
fn echo(sockets: &mut [TcpStream], events: usize) {
    for number in 0..events {
        let socket = &mut sockets[number % CONNECTIONS];
        say(socket, TEXT);
        hear(socket, TEXT);
    }
}

/// Publishes on the first connection to all others. An event is one delivery.
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
