//! NATS's server as a child process, and a wire to it that can be cut.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use crate::Log;

/// A running `nats-server`: that of `WSHOST_TEST_NATS_SERVER`, else of the PATH. It is
/// killed when dropped.
#[derive(Debug)]
pub struct Nats {
    child: Child,
    arguments: Vec<String>,
    address: SocketAddr,
}

impl Nats {
    /// Starts one, with these arguments too, and waits until it listens.
    ///
    /// # Panics
    /// If it is not installed, or does not come to listen.
    pub async fn start(arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let (child, address) = start(-1, &arguments).await;
        Self { child, arguments, address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Kills it.
    pub fn kill(&mut self) {
        // Fails where it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again in the same place.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn restart(&mut self) {
        self.kill();
        (self.child, self.address) = start(self.address.port().into(), &self.arguments).await;
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn start(port: i32, arguments: &[String]) -> (Child, SocketAddr) {
    let program = std::env::var_os("WSHOST_TEST_NATS_SERVER");
    let mut child = Command::new(program.unwrap_or("nats-server".into()))
        .args(["--addr", "127.0.0.1", "--port", &port.to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nats-server is installed (`apt-get install nats-server`)");
    let log = Log::of(child.stderr.take().expect("it is piped"));
    let line = log.line_with(&["Listening for client connections on "]).await;
    log.line_with(&["Server is ready"]).await;
    let address = line.rsplit(' ').next().and_then(|address| address.parse().ok());
    (child, address.expect("an address"))
}

/// A way to a server that can be cut: then no byte gets through, and nobody is told.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    is_whole: watch::Sender<bool>,
}

impl Wire {
    /// A whole one.
    ///
    /// # Panics
    /// If there is no port for it.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let (is_whole, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Else the client sees that it is closed.
                let Ok(server) = TcpStream::connect(server).await else { continue };
                let (client, server) = (client.into_split(), server.into_split());
                tokio::spawn(pass(client.0, server.1, state.clone()));
                tokio::spawn(pass(server.0, client.1, state.clone()));
            }
        });
        Self { address, is_whole }
    }

    /// The server's URL by this way.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Cuts it.
    pub fn cut(&self) {
        self.is_whole.send_replace(false);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.is_whole.send_replace(true);
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut is_whole: watch::Receiver<bool>,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if is_whole.wait_for(|is_whole| *is_whole).await.is_err()
            || to.write_all(&bytes[..count]).await.is_err()
        {
            return;
        }
    }
}
