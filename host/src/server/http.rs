//! HTTP on one socket: 1.1, or 2 (by ALPN, or by prior knowledge).

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{Host, request::Origin, upgrade};

/// The streams of one HTTP/2 connection, WebSockets and requests.
const STREAMS_MAX: u32 = 128;
/// What a peer may send on a stream before it is read. The connection's own
/// window is that of all streams together, so that one which is not read holds
/// back no other.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// What waits to be sent on a stream, in HTTP's own queue.
const STREAM_SEND_BYTES: usize = 64 * 1024;

/// When a connection is to end: how long one without a request is waited for, so
/// that HTTP/2 and TLS are ended as they should be.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// How much is under way on one HTTP connection: requests, and over HTTP/2 the
/// WebSockets.
#[derive(Clone)]
pub(super) struct Busy {
    count: Arc<watch::Sender<usize>>,
    /// A response was not taken in time.
    overdue: CancellationToken,
}

/// Something that is under way, until it is dropped.
pub(super) struct UnderWay(Arc<watch::Sender<usize>>);

/// By when a response is to be taken, unless this is dropped before.
pub(super) struct Deadline(
    #[expect(dead_code, reason = "dropped with this")] AbortOnDropHandle<()>,
);

impl Busy {
    fn new() -> Self {
        Self { count: Arc::new(watch::Sender::new(0)), overdue: CancellationToken::new() }
    }

    pub(super) fn begin(&self) -> UnderWay {
        self.count.send_modify(|count| *count += 1);
        UnderWay(self.count.clone())
    }

    /// Ends the connection after this time.
    pub(super) fn deadline(&self, time: Duration) -> Deadline {
        let overdue = self.overdue.clone();
        Deadline(AbortOnDropHandle::new(tokio::spawn(async move {
            sleep(time).await;
            overdue.cancel();
        })))
    }

    /// Ready when nothing was under way for this long.
    async fn idle_for(&self, time: Duration) {
        let mut count = self.count.subscribe();
        loop {
            // Can't fail: the sender is held here.
            let _ = count.wait_for(|count| *count == 0).await;
            tokio::select! {
                () = sleep(time) => return,
                _ = count.changed() => {}
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Answers requests until the peer goes, the connection becomes a WebSocket, the
/// host goes down, or nothing happens for the handshake's timeout.
pub(super) async fn serve<I>(host: Arc<Host>, stream: I, origin: Origin)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let timeout = Duration::from_millis(host.config.handshake_timeout_ms);
    let stopping = host.stopping.clone();
    let peer = origin.peer;
    let http = builder(&host);
    let busy = Busy::new();
    let (origin, busy_here) = (Arc::new(origin), busy.clone());
    let answer = service_fn(move |request: Request<Incoming>| {
        let (host, origin, busy) = (host.clone(), origin.clone(), busy.clone());
        async move { Ok::<_, Infallible>(upgrade::answer::<I>(&host, &origin, &busy, request).await) }
    });
    let mut connection = pin!(http.serve_connection_with_upgrades(TokioIo::new(stream), answer));
    let served = tokio::select! {
        served = connection.as_mut() => Some(served),
        () = busy_here.idle_for(timeout) => None,
        () = stopping.cancelled() => None,
        () = busy_here.overdue.cancelled() => {
            tracing::debug!(%peer, "a response was not taken in time (response_timeout_ms)");
            return;
        }
    };
    let served = match served {
        Some(served) => served,
        None => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                served = connection => served,
                () = busy_here.idle_for(LAST_WORDS) => return,
                () = busy_here.overdue.cancelled() => return,
            }
        }
    };
    if let Err(error) = served {
        tracing::debug!(%peer, "http connection failed: {error}");
    }
}

fn builder(host: &Host) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1()
        .header_read_timeout(None)
        .max_buf_size(host.config.header_max_bytes)
        .max_headers(host.config.headers_max);
    http.http2()
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(STREAMS_MAX * STREAM_WINDOW_BYTES)
        .max_send_buf_size(STREAM_SEND_BYTES)
        .max_header_list_size(u32::try_from(host.config.header_max_bytes).unwrap_or(u32::MAX));
    http
}
