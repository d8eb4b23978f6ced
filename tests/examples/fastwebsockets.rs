//! An echo server as fastwebsockets' own example has it, for `cargo xtask
//! bench` to compare with.

use std::{
    convert::Infallible,
    io::{self, Write as _},
};

use fastwebsockets::{FragmentCollector, OpCode, WebSocketError, upgrade};
use http_body_util::Empty;
use hyper::{
    Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use wshost_tests::raise_socket_limit;

type Answer = Response<Empty<bytes::Bytes>>;

#[tokio::main]
async fn main() -> io::Result<()> {
    raise_socket_limit();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = io::stdout();
    writeln!(out, "listening on ws://{}/", listener.local_addr()?)?;
    out.flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let http = http1::Builder::new();
            let served = http.serve_connection(TokioIo::new(stream), service_fn(answer));
            // A client that goes away ends its own connection only.
            let _ = served.with_upgrades().await;
        });
    }
}

async fn answer(mut request: Request<Incoming>) -> Result<Answer, Infallible> {
    let Ok((response, socket)) = upgrade::upgrade(&mut request) else {
        let mut refused = Answer::default();
        *refused.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(refused);
    };
    tokio::spawn(async move {
        let _ = echo(socket).await;
    });
    Ok(response)
}

async fn echo(socket: upgrade::UpgradeFut) -> Result<(), WebSocketError> {
    let mut socket = FragmentCollector::new(socket.await?);
    loop {
        let frame = socket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
            _ => {}
        }
    }
}
