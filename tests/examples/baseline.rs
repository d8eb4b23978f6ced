//! An echo server as one writes it with tokio-tungstenite, for `cargo xtask
//! bench` to compare with.
//!
//! Its read buffer is of 4 KiB instead of 128, which serves small messages
//! better and costs less memory. With `--batched` replies are flushed once all
//! messages at hand are answered, rather than one by one.

use std::{
    env,
    io::{self, Write as _},
};

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config,
    tungstenite::{Error, protocol::WebSocketConfig},
};
use wshost_tests::raise_socket_limit;

const READ_BUFFER_BYTES: usize = 4 * 1024;

#[tokio::main]
async fn main() -> io::Result<()> {
    raise_socket_limit();
    let batched = env::args().skip(1).any(|argument| argument == "--batched");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = io::stdout();
    writeln!(out, "listening on ws://{}/", listener.local_addr()?)?;
    out.flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            // A client that goes away ends its own connection only.
            let _ = serve(stream, batched).await;
        });
    }
}

async fn serve(stream: TcpStream, batched: bool) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
    let socket = accept_async_with_config(stream, Some(config)).await?;
    if batched { echo_batched(socket).await } else { echo(socket).await }
}

async fn echo(mut socket: WebSocketStream<TcpStream>) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

async fn echo_batched(mut socket: WebSocketStream<TcpStream>) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        let mut message = message?;
        loop {
            if message.is_text() || message.is_binary() {
                socket.feed(message).await?;
            }
            match socket.next().now_or_never() {
                Some(Some(next)) => message = next?,
                Some(None) => return Ok(()),
                None => break,
            }
        }
        socket.flush().await?;
    }
    Ok(())
}
