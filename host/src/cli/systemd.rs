//! What systemd, or who does as it does, tells a host and is told by it: sockets that
//! are passed (sd_listen_fds), and how it is (sd_notify).

use std::{
    env,
    ffi::OsString,
    io,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use listenfd::ListenFd;
use rustix::time::{ClockId, clock_gettime};

use crate::observe::printable;

/// How much of a status is told: it is shown as one line.
const STATUS_MAX_BYTES: usize = 500;

/// The sockets that were passed.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// For clients.
    pub(super) public: Option<TcpListener>,
    /// For the operator's tools.
    pub(super) internal: Option<TcpListener>,
}

impl Sockets {
    /// Takes those that were passed to this process. A single one is for clients,
    /// whatever its name, unless it is `internal`; of several each is named.
    ///
    /// Changes the environment: to be called before there are threads.
    ///
    /// # Errors
    /// One that is no TCP socket, or has no name that is known.
    pub(super) fn take() -> Result<Self> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut passed = ListenFd::from_env();
        let mut sockets = Self::default();
        for index in 0..passed.len() {
            let name = names.split(':').nth(index).unwrap_or_default();
            let socket = passed.take_tcp_listener(index).context("a socket that was passed")?;
            let place = match name {
                "internal" => &mut sockets.internal,
                "public" => &mut sockets.public,
                _ if passed.len() == 1 => &mut sockets.public,
                name => bail!(
                    "{} sockets were passed, and one is named `{name}`: name them `public` and \
                     `internal` (FileDescriptorName=)",
                    passed.len()
                ),
            };
            if place.is_some() {
                bail!("two sockets were passed that are named `{name}`: one is enough");
            }
            *place = socket;
        }
        Ok(sockets)
    }
}

/// Tells the service manager how the host is. Without one, nobody.
#[derive(Clone, Debug)]
pub(super) struct Notify(Option<Arc<UnixDatagram>>);

impl Notify {
    /// Whom `NOTIFY_SOCKET` names.
    ///
    /// # Errors
    /// It names what can't be connected to.
    pub(super) fn from_environment() -> Result<Self> {
        let Some(name) = env::var_os("NOTIFY_SOCKET") else { return Ok(Self(None)) };
        let socket = connect(&name);
        let socket =
            socket.with_context(|| format!("can't notify {} (NOTIFY_SOCKET)", name.display()))?;
        Ok(Self(Some(Arc::new(socket))))
    }

    /// It takes connections.
    pub(super) fn ready(&self, status: &str) {
        // One line: what is in the next one would be taken for something else.
        let status = printable(status, STATUS_MAX_BYTES);
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// It reads its configuration again; then it is [`ready`](Self::ready).
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// It goes down, which takes so long at most.
    pub(super) fn stopping(&self, time: Duration, status: &str) {
        let micros = time.as_micros();
        self.tell(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={micros}\nSTATUS={status}"));
    }

    /// Tells that it is alive, as often as `WATCHDOG_USEC` asks for, for ever: from a
    /// task among those that serve connections, so that it ends where they are stuck.
    pub(super) async fn watchdog(self) {
        let micros = env::var("WATCHDOG_USEC").ok().and_then(|micros| micros.parse().ok());
        let of_another =
            env::var("WATCHDOG_PID").is_ok_and(|pid| pid.parse() != Ok(std::process::id()));
        let Some(limit) = micros.map(Duration::from_micros).filter(|_| !of_another) else {
            return;
        };
        // Half of it, as sd_watchdog_enabled(3) recommends.
        let mut ticks = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
        loop {
            ticks.tick().await;
            self.tell("WATCHDOG=1");
        }
    }

    fn tell(&self, state: &str) {
        if let Some(Err(error)) = self.0.as_ref().map(|socket| socket.send(state.as_bytes())) {
            tracing::warn!("can't notify the service manager: {error}");
        }
    }
}

fn connect(name: &OsString) -> io::Result<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    // A manager that does not read holds up nothing.
    socket.set_nonblocking(true)?;
    Ok(socket)
}
