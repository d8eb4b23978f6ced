//! The protocols of systemd, with this test in its place: sockets that are passed, and
//! a socket on which the host tells how it is.

use std::{
    ffi::OsString,
    net::TcpListener,
    os::linux::net::SocketAddrExt as _,
    os::unix::net::{SocketAddr, UnixDatagram as StdDatagram},
    path::Path,
    process::Command,
};

use tempfile::TempDir;
use tokio::net::UnixDatagram;
use wshost_tests::{Host, Mode, Signal, patiently, program};

/// What is told, as a service manager hears it.
struct Manager {
    socket: UnixDatagram,
    _directory: TempDir,
    name: OsString,
}

impl Manager {
    fn new() -> Self {
        let directory = TempDir::new().expect("there is room for a directory");
        let name = directory.path().join("notify");
        let socket = UnixDatagram::bind(&name).expect("nothing is there");
        Self { socket, _directory: directory, name: name.into() }
    }

    /// The next that is told, and not only that the host is alive.
    async fn told(&self) -> String {
        loop {
            let told = self.heard().await;
            if told != "WATCHDOG=1" {
                return told;
            }
        }
    }

    async fn heard(&self) -> String {
        let mut told = [0; 4096];
        let count = patiently("word of the host", self.socket.recv(&mut told)).await;
        String::from_utf8_lossy(&told[..count.expect("the socket is open")]).into_owned()
    }
}

fn listening() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a free port")
}

#[tokio::test]
async fn the_manager_is_told_of_a_hosts_life() {
    let manager = Manager::new();
    let mut host = Host::of("echo").variable("NOTIFY_SOCKET", &manager.name).start().await;
    let ready = manager.told().await;
    assert_eq!(ready, format!("READY=1\nSTATUS=ws://{}/", host.address()));
    host.signal(Signal::HUP);
    let reloading = manager.told().await;
    let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect(&reloading);
    assert!(micros.parse::<u64>().is_ok_and(|micros| micros > 0), "{reloading}");
    assert_eq!(manager.told().await, ready);
    host.signal(Signal::TERM);
    let stopping = manager.told().await;
    assert!(stopping.starts_with("STOPPING=1\nEXTEND_TIMEOUT_USEC=70000000\n"), "{stopping}");
    assert!(host.end().await.success());
}

#[tokio::test]
async fn a_manager_may_have_a_name_without_a_file() {
    let name = format!("wshost-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("it is short");
    let socket = StdDatagram::bind_addr(&address).expect("nobody has it");
    socket.set_nonblocking(true).expect("it is a socket");
    let socket = UnixDatagram::from_std(socket).expect("it is open");
    let _host = Host::of("echo").variable("NOTIFY_SOCKET", format!("@{name}")).start().await;
    let mut told = [0; 4096];
    let count = patiently("word of the host", socket.recv(&mut told)).await;
    assert!(told[..count.expect("the socket is open")].starts_with(b"READY=1\n"));
}

#[tokio::test]
async fn a_watchdog_is_answered_again_and_again() {
    let manager = Manager::new();
    let host = Host::of("echo")
        .variable("NOTIFY_SOCKET", &manager.name)
        .variable("WATCHDOG_USEC", "20000")
        .start()
        .await;
    assert!(manager.heard().await.starts_with("READY=1\n"));
    for _ in 0..3 {
        assert_eq!(manager.heard().await, "WATCHDOG=1");
    }
    drop(host);
}

#[tokio::test]
async fn a_single_socket_is_for_clients() {
    let socket = listening();
    let address = socket.local_addr().expect("it is bound");
    // As a unit without FileDescriptorName= names it, and without a name.
    for name in ["wshost.socket", ""] {
        let socket = socket.try_clone().expect("a descriptor is free");
        let host = Host::of("echo").pass(name, socket).start().await;
        assert_eq!(host.address(), address);
        assert_eq!(Mode::HTTP1.ask(&host).open().await.ask("hello").await, "hello");
    }
}

#[tokio::test]
async fn who_comes_before_the_host_waits_for_it() {
    let socket = listening();
    let address = socket.local_addr().expect("it is bound");
    let early =
        tokio::spawn(
            async move { Mode::HTTP1.ask_address(address).open().await.ask("hello").await },
        );
    let _host = Host::of("echo").pass("public", socket).start().await;
    assert_eq!(patiently("an answer", early).await.expect("no panic"), "hello");
}

#[tokio::test]
async fn several_sockets_are_told_apart_by_their_names() {
    let [internal, public] = [listening(), listening()];
    let addresses = [&public, &internal].map(|socket| socket.local_addr().expect("it is bound"));
    let host = Host::of("echo").pass("internal", internal).pass("public", public).start().await;
    assert_eq!([host.address(), host.internal_address().await], addresses);
    assert!(host.internal("/readyz").await.starts_with("HTTP/1.1 200 "));
}

/// What systemd itself says of the unit in the docs.
#[test]
fn the_unit_is_accepted() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let directory = TempDir::new().expect("there is room for a directory");
    let units = ["wshost.service", "wshost.socket"].map(|name| {
        let unit = std::fs::read_to_string(docs.join(name)).expect("it is there");
        let here = unit.replace("=wshost serve", &format!("={} serve", program().display()));
        let path = directory.path().join(name);
        std::fs::write(&path, here).expect("there is room");
        path
    });
    let verified = match Command::new("systemd-analyze").arg("verify").args(units).output() {
        Ok(verified) => verified,
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "in CI, systemd-analyze must be there: {error}"
            );
            return eprintln!("not verified: there is no systemd-analyze ({error})");
        }
    };
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && said.is_empty(), "{}: {said}", verified.status);
}
