//! The internal listener: what the operator's own tools ask a host. It is for a
//! network that only they can reach. What changes anything, and what tells of single
//! connections, needs a token ([`Admin`]).
//!
//! | Path | |
//! |---|---|
//! | `/metrics` | everything that is counted, as OpenMetrics 1.0 for who accepts that, else in Prometheus' text format |
//! | `/healthz` | 200: the process answers |
//! | `/readyz` | 200: it takes connections; 503: it is starting or going down |
//! | `/v1/…` | the admin interface |

mod patience;

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::sleep,
};

pub use self::patience::Patience;
use crate::{
    admin::Admin,
    observe::{Metrics, Seldom, metrics::Format},
};

/// Connections at once. More wait to be accepted.
const CONNECTIONS_MAX: usize = 16;
/// How long a request may take to come, and then a response to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long accepting rests when the system has no more sockets to give.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// The largest head of a request.
const HEAD_MAX_BYTES: usize = 16 * 1024;

const TEXT: &str = "text/plain; charset=utf-8";

/// What the internal listener tells.
pub struct Internal {
    metrics: Arc<Metrics>,
    admin: Admin,
    ready: AtomicBool,
    accept_failed: Seldom,
}

impl Internal {
    /// Of a host that is starting.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, admin: Admin) -> Arc<Self> {
        let (ready, accept_failed) = (AtomicBool::new(false), Seldom::default());
        Arc::new(Self { metrics, admin, ready, accept_failed })
    }

    /// Says whether the host takes connections from now on.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Relaxed);
    }

    /// Answers for ever. A connection that hangs is closed, so that it holds up others
    /// for no longer than that, and the host not at all.
    pub async fn listen(self: Arc<Self>, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            // Fails only if it was closed, which nobody does.
            let Ok(place) = room.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let internal = self.clone();
                    tokio::spawn(async move {
                        internal.serve(stream).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    if let Some(others) = self.accept_failed.say() {
                        tracing::warn!(others, "internal: can't accept a connection: {error}");
                    }
                    sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    async fn serve(self: &Arc<Self>, stream: TcpStream) {
        let patience = Patience::new(PATIENCE);
        let answer = service_fn(|request: Request<Incoming>| {
            let patience = &patience;
            async move {
                patience.renew();
                Ok::<_, Infallible>(self.answer(request, patience).await)
            }
        });
        // Many small requests may come over one connection.
        let _ = stream.set_nodelay(true);
        let served = http1::Builder::new()
            .max_buf_size(HEAD_MAX_BYTES)
            .serve_connection(TokioIo::new(stream), answer);
        let mut served = pin!(served);
        tokio::select! {
            served = &mut served => {
                if let Err(error) = served {
                    tracing::debug!("internal: connection failed: {error}");
                }
            }
            () = patience.ends() => tracing::debug!("internal: connection took too long"),
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        patience: &Patience,
    ) -> Response<Full<Bytes>> {
        if request.uri().path().starts_with("/v1/") {
            return self.admin.answer(request, patience).await;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response =
                response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET is answered here\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/metrics" => {
                let accept = request.headers().get(ACCEPT);
                let accept = accept.and_then(|accept| accept.to_str().ok()).unwrap_or_default();
                let format = Format::for_accept(accept);
                match self.metrics.text(format) {
                    Ok(text) => response(StatusCode::OK, format.content_type(), text),
                    Err(_) => {
                        response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "no text was made\n")
                    }
                }
            }
            "/healthz" => response(StatusCode::OK, TEXT, "alive\n"),
            "/readyz" if self.ready.load(Relaxed) => response(StatusCode::OK, TEXT, "ready\n"),
            "/readyz" => response(StatusCode::SERVICE_UNAVAILABLE, TEXT, "not ready\n"),
            _ => response(
                StatusCode::NOT_FOUND,
                TEXT,
                "there are /metrics, /healthz, /readyz and /v1/ here\n",
            ),
        }
    }
}

fn response(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
