//! The listener: accepts sockets, speaks HTTP, makes WebSockets of requests.

mod allowed_origin;
mod body;
mod edge;
mod http;
mod init;
mod opening;
mod pieces;
mod proxy_protocol;
mod request;
mod response;
pub mod routes;
mod sites;
mod spread;
mod strict;
pub mod tls;
mod upgrade;

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::yield_now,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    allowed_origin::AllowedOrigin,
    edge::{Edge, ProxyHeader},
    sites::{Common, DeployError, Served, Site, Sites},
};
use self::{
    proxy_protocol::HeaderError,
    request::{Origin, SocketPlace, TlsFacts},
    tls::Tls,
};
use crate::{
    config::Config,
    connection::Place,
    observe::{Metrics, Seldom, Traces, metrics::ByLabel},
};

/// How long accepting rests when the system has no more sockets to give.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// What serves a listener.
pub struct Host {
    config: Arc<Config>,
    sites: Arc<Sites>,
    /// What is no plugin's.
    nobody: ByLabel,
    tls: Option<Tls>,
    edge: RwLock<Arc<Edge>>,
    metrics: Arc<Metrics>,
    /// None: nothing is traced.
    traces: Option<Traces>,
    /// The tasks that speak HTTP.
    tasks: TaskTracker,
    /// The tasks of WebSockets, to the end of their closing handshakes.
    websockets: TaskTracker,
    /// Cancelled when the host goes down.
    stopping: CancellationToken,
    no_room_said: Seldom,
    accept_failed_said: Seldom,
    header_refused_said: Seldom,
    limit_said: Seldom,
}

impl Host {
    /// Serves these plugins, over TLS if it is given. The settings are the host's own.
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        sites: Arc<Sites>,
        tls: Option<Tls>,
        edge: Edge,
        metrics: Arc<Metrics>,
        traces: Option<Traces>,
    ) -> Arc<Self> {
        Arc::new(Self {
            nobody: metrics.by_label(&"".into()),
            config,
            sites,
            tls,
            edge: RwLock::new(Arc::new(edge)),
            metrics,
            traces,
            tasks: TaskTracker::new(),
            websockets: TaskTracker::new(),
            stopping: CancellationToken::new(),
            no_room_said: Seldom::default(),
            accept_failed_said: Seldom::default(),
            header_refused_said: Seldom::default(),
            limit_said: Seldom::default(),
        })
    }

    /// Who may connect, and who they are, from now on.
    pub fn set_edge(&self, edge: Edge) {
        *self.edge.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(edge);
    }

    fn edge(&self) -> Arc<Edge> {
        self.edge.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many WebSockets there are, those that are just closing too.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.websockets.len()
    }

    /// Accepts connections until [`stop`](Self::stop).
    pub async fn listen(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stopping.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.serve(stream, peer);
                    // Those who have gone are to be noticed before others are told that
                    // there is no room.
                    yield_now().await;
                }
                Err(error) => {
                    self.metrics.accept_errors.inc();
                    if let Some(others) = self.accept_failed_said.say() {
                        tracing::warn!(others, "can't accept a connection: {error}");
                    }
                    sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    /// Serves a socket, or closes it at once where there are so many that it could
    /// not even be told so.
    fn serve(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        self.metrics.accepted.inc();
        let key = self.edge().peer_key(peer.ip());
        match Place::take(&self.sites.common().places, key) {
            Ok(place) => {
                // Fails only for a socket that is gone, which shows soon enough.
                let _ = stream.set_nodelay(true);
                self.tasks.spawn(serve(self.clone(), stream, peer, SocketPlace::new(key, place)));
            }
            Err(setting) => {
                self.nobody.limit(setting);
                if let Some(others) = self.limit_said.say() {
                    tracing::warn!(limit = setting, others, "a limit was hit");
                }
            }
        }
    }

    /// Does this, if it is done by then and the host stays up until it is.
    async fn in_time<T>(&self, deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = timeout_at(deadline, work) => done.ok(),
            () = self.stopping.cancelled() => None,
        }
    }

    /// One line for the operator, who believes this proxy: a warning, unless it
    /// was just looking whether somebody listens.
    fn header_refused(&self, proxy: SocketAddr, error: &HeaderError) {
        if matches!(error, HeaderError::Io(_)) {
            tracing::debug!(%proxy, "connection closed: {error}");
        } else if let Some(others) = self.header_refused_said.say() {
            tracing::warn!(%proxy, others, "connection closed: {error}");
        }
    }

    /// Stops accepting, ends every connection (1001, after `terminate`), spread over
    /// `shutdown_ms`, and waits for them, at most as long as the settings say.
    ///
    /// Returns how many were left.
    pub async fn stop(&self) -> usize {
        self.stopping.cancel();
        self.tasks.close();
        self.websockets.close();
        let all = async {
            self.tasks.wait().await;
            self.websockets.wait().await;
        };
        let time_is_up = async {
            self.sites.shut_down(Duration::from_millis(self.config.shutdown_ms)).await;
            sleep(Duration::from_millis(self.config.shutdown_timeout_ms)).await;
        };
        tokio::select! {
            () = all => {}
            () = time_is_up => {}
        }
        self.connections()
    }
}

/// Serves one socket: first what comes before HTTP, a proxy's header and TLS's
/// handshake, with one deadline on both.
async fn serve(host: Arc<Host>, mut stream: TcpStream, mut peer: SocketAddr, place: SocketPlace) {
    let deadline = Instant::now() + Duration::from_millis(host.config.handshake_timeout_ms);
    if host.edge().expects_proxy_header(peer.ip()) {
        match host.in_time(deadline, proxy_protocol::read(&mut stream)).await {
            Some(Ok(client)) => peer = client.unwrap_or(peer),
            Some(Err(error)) => return host.header_refused(peer, &error),
            None => return tracing::debug!(proxy = %peer, "no PROXY header in time"),
        }
    }
    let Some(tls) = &host.tls else {
        return http::serve(host, stream, Origin { peer, place, tls: None }).await;
    };
    match host.in_time(deadline, tls.accept(stream)).await {
        Some(Ok(stream)) => {
            let origin = Origin { peer, place, tls: Some(TlsFacts::of(&stream)) };
            http::serve(host, stream, origin).await;
        }
        Some(Err(error)) => tracing::debug!(%peer, "TLS handshake failed: {error}"),
        None => tracing::debug!(%peer, "no TLS handshake in time"),
    }
}
