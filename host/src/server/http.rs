//! HTTP/1.1 on one socket.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::{Host, upgrade};

/// Answers requests until the peer goes, the connection becomes a WebSocket, or
/// the host goes down.
pub(super) async fn serve(host: Arc<Host>, stream: TcpStream, peer: SocketAddr) {
    let timeout = Duration::from_millis(host.config.handshake_timeout_ms);
    let stopping = host.stopping.clone();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .max_buf_size(host.config.header_max_bytes)
        .max_headers(host.config.headers_max);
    let answer = service_fn(move |request: Request<Incoming>| {
        let host = host.clone();
        async move { Ok::<_, Infallible>(upgrade::answer(&host, peer, request).await) }
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), answer).with_upgrades());
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%peer, "http connection failed: {error}");
    }
}
