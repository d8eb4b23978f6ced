//! `wshost connect`: a client for people.

use std::{
    io::{self, BufRead as _, Write as _},
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    net::TcpStream,
    sync::mpsc::{self, Receiver},
    time::sleep,
};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        handshake::client::Request,
        http::{HeaderName, HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use super::tls;
use crate::observe::printable;

/// How long the server has to answer our Close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Talks to a WebSocket: lines typed are sent as text, what comes is shown.
///
/// Ends when the server closes; or, at the end of the input and by Ctrl-C,
/// closes with 1000 itself and shows what still comes.
#[derive(Args)]
pub(super) struct Connect {
    /// Where to connect to, as in ws://127.0.0.1:8080/
    url: String,
    /// A subprotocol to offer; may be repeated, most wanted first
    #[arg(long, value_name = "NAME")]
    subprotocol: Vec<String>,
    /// A header field to send with the request; may be repeated
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// An authority to trust besides the system's (PEM), for wss://
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Sends lines as binary instead of text
    #[arg(long)]
    binary: bool,
}

impl Connect {
    pub(super) fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.talk())
    }

    async fn talk(self) -> Result<()> {
        let connector = self.connector()?;
        let connecting = connect_async_tls_with_config(self.request()?, None, true, connector);
        let (mut socket, response) = match connecting.await {
            Ok(connected) => connected,
            Err(error) => bail!("can't connect to {}: {}", self.url, explain(&error)),
        };
        let subprotocol = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
        match subprotocol.and_then(|name| name.to_str().ok()) {
            Some(name) => eprintln!("connected to {}, subprotocol {name}", self.url),
            None => eprintln!("connected to {}", self.url),
        }
        let mut lines = read_lines();
        loop {
            tokio::select! {
                received = socket.next() => match received {
                    Some(received) => show(received.context("the connection failed")?)?,
                    None => return Ok(()),
                },
                line = lines.recv() => match line {
                    Some(line) if self.binary => socket.send(Message::binary(line.into_bytes())).await?,
                    Some(line) => socket.send(Message::text(line)).await?,
                    None => return leave(socket).await,
                },
                _ = tokio::signal::ctrl_c() => return leave(socket).await,
            }
        }
    }

    /// How TLS is made, where the address asks for it.
    fn connector(&self) -> Result<Option<Connector>> {
        if !self.url.starts_with("wss:") {
            return Ok(None);
        }
        let config = tls::client_config(self.ca.as_deref())?;
        Ok(Some(Connector::Rustls(Arc::new(config))))
    }

    fn request(&self) -> Result<Request> {
        let mut request =
            self.url.as_str().into_client_request().with_context(|| {
                format!("`{}` is no address like ws://127.0.0.1:8080/", self.url)
            })?;
        let headers = request.headers_mut();
        for header in &self.header {
            let (name, value) = header
                .split_once(':')
                .with_context(|| format!("the header `{header}` is not of the form NAME: VALUE"))?;
            let name: HeaderName =
                name.trim().parse().with_context(|| format!("the header `{header}`"))?;
            let value: HeaderValue =
                value.trim().parse().with_context(|| format!("the header `{header}`"))?;
            headers.append(name, value);
        }
        if !self.subprotocol.is_empty() {
            let offers = self.subprotocol.join(", ");
            headers.insert(SEC_WEBSOCKET_PROTOCOL, offers.parse().context("--subprotocol")?);
        }
        Ok(request)
    }
}

fn explain(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            format!(
                "the server answered {}: {}",
                response.status(),
                String::from_utf8_lossy(body).trim()
            )
        }
        error => error.to_string(),
    }
}

/// The lines of standard input, read by a thread that need not be waited for.
fn read_lines() -> Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Says Close, and shows what comes until the server says it too; not for ever,
/// nor past a second Ctrl-C.
async fn leave(mut socket: Socket) -> Result<()> {
    let part = async {
        socket.close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() })).await?;
        while let Some(received) = socket.next().await {
            show(received?)?;
        }
        Ok(())
    };
    tokio::select! {
        parted = part => parted,
        _ = tokio::signal::ctrl_c() => Ok(()),
        () = sleep(CLOSE_TIMEOUT) => bail!("the server has not answered the Close"),
    }
}

fn show(message: Message) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match message {
        Message::Text(text) => writeln!(out, "text: {}", printable(&text, usize::MAX)),
        Message::Binary(data) => writeln!(out, "binary: {}", hexadecimal(&data)),
        Message::Ping(payload) => writeln!(out, "ping: {}", hexadecimal(&payload)),
        Message::Pong(payload) => writeln!(out, "pong: {}", hexadecimal(&payload)),
        Message::Close(None) => writeln!(out, "closed: no code"),
        Message::Close(Some(CloseFrame { code, reason })) => {
            writeln!(out, "closed: {} {}", u16::from(code), printable(&reason, usize::MAX))
        }
        Message::Frame(_) => Ok(()),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} bytes [{}]", bytes.len(), digits.join(" "))
}
