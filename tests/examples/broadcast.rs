//! A server that passes on what one says to many, as one writes it with
//! tokio-tungstenite and a broadcast channel, for `cargo xtask bench` to compare with.
//!
//! Who says `sub:TOPIC` receives what anybody publishes by `pub-others:TOPIC:TEXT` or
//! `msg-others:TOPIC:TEXT`, whichever the topic, as the guest `scripted` would have it. Its read buffer is of
//! 4 KiB. With `--batched` what waits for a connection is flushed together, rather
//! than one by one.

use std::{
    env,
    io::{self, Write as _},
};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast::{self, error::RecvError},
};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config,
    tungstenite::{Error, Message, protocol::WebSocketConfig},
};
use wshost_tests::raise_socket_limit;

const READ_BUFFER_BYTES: usize = 4 * 1024;
/// So many messages may wait for the slowest.
const WAITING_MAX: usize = 1024;

#[tokio::main]
async fn main() -> io::Result<()> {
    raise_socket_limit();
    let batched = env::args().skip(1).any(|argument| argument == "--batched");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = io::stdout();
    writeln!(out, "listening on ws://{}/", listener.local_addr()?)?;
    out.flush()?;
    let published = broadcast::Sender::new(WAITING_MAX);
    loop {
        let (stream, _) = listener.accept().await?;
        let published = published.clone();
        tokio::spawn(async move {
            // A client that goes away ends its own connection only.
            let _ = serve(stream, published, batched).await;
        });
    }
}

async fn serve(
    stream: TcpStream,
    published: broadcast::Sender<Message>,
    batched: bool,
) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    let mut socket = accept_async_with_config(stream, Some(config)).await?;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        match text.splitn(3, ':').collect::<Vec<_>>()[..] {
            ["sub", ..] => return receive(socket, published.subscribe(), batched).await,
            // Nobody receives: there will be others.
            ["pub-others" | "msg-others", _, said] => _ = published.send(Message::text(said)),
            _ => {}
        }
    }
    Ok(())
}

async fn receive(
    mut socket: WebSocketStream<TcpStream>,
    mut published: broadcast::Receiver<Message>,
    batched: bool,
) -> Result<(), Error> {
    loop {
        tokio::select! {
            said = socket.next() => match said {
                Some(said) => _ = said?,
                None => return Ok(()),
            },
            received = published.recv() => match received {
                Ok(message) if batched => {
                    socket.feed(message).await?;
                    while let Ok(message) = published.try_recv() {
                        socket.feed(message).await?;
                    }
                    socket.flush().await?;
                }
                Ok(message) => socket.send(message).await?,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}
