//! HTTP requests to the hosts that a plugin is granted.
//!
//! A request is one task with its time, its room for the response, and its place
//! among those that the plugin may have under way. Where it goes is decided by the
//! name in it alone: a name that is granted may stand for any address. Redirects are
//! answers like others, for the guest to follow or not.

mod body;
mod error;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use hyper::http::{Request, Response, Uri, uri::Scheme};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use self::body::Bounded;
use super::CapabilityError;
use crate::{
    config::{Config, HttpHost},
    messaging::ConnectionId,
    observe::{Seldom, printable},
};

/// Connections to one host that are kept for the next request.
const IDLE_PER_HOST_MAX: usize = 8;
const IDLE_MAX: Duration = Duration::from_secs(15);

/// The longest name of a host in the log: no other is in use (RFC 1035, 2.3.4).
const NAME_MAX_BYTES: usize = 255;

/// See the module.
#[derive(Debug)]
pub struct Http {
    plugin: Arc<str>,
    hosts: BTreeSet<HttpHost>,
    client: Client<HttpsConnector<HttpConnector>, WasiBody>,
    under_way: Arc<Semaphore>,
    time_max: Duration,
    response_max_bytes: u64,
    denial_said: Seldom,
}

impl Http {
    /// The hosts that are granted.
    pub fn hosts(&self) -> impl Iterator<Item = &HttpHost> {
        self.hosts.iter()
    }

    /// Requests to these hosts. Of authorities the system's are trusted.
    pub(super) fn new(
        plugin: &Arc<str>,
        hosts: &BTreeSet<HttpHost>,
        config: &Config,
    ) -> Result<Self, CapabilityError> {
        // Nobody knows how many hosts are below a domain.
        let idle_max = if hosts.iter().any(HttpHost::is_many) { 0 } else { IDLE_PER_HOST_MAX };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trusting_the_system().map_err(CapabilityError::Tls)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(idle_max)
            .build(connector);
        Ok(Self {
            plugin: plugin.clone(),
            hosts: hosts.clone(),
            client,
            under_way: Arc::new(Semaphore::new(config.http_requests_max)),
            time_max: Duration::from_millis(config.http_timeout_ms),
            response_max_bytes: config.http_response_max_bytes,
            denial_said: Seldom::default(),
        })
    }

    /// Sends a request for this connection. The response's body comes as it is read.
    ///
    /// # Errors
    /// At once: [`Error::HttpRequestDenied`], [`Error::ConnectionLimitReached`]. From
    /// the future: what became of the request.
    pub fn send(
        &self,
        connection: ConnectionId,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<impl Future<Output = Result<Response<WasiBody>, Error>> + Send + use<>, Error> {
        self.check(connection, request.uri())?;
        let place = self.under_way.clone().try_acquire_owned();
        let place = place.map_err(|_| Error::ConnectionLimitReached)?;
        let deadline = Instant::now() + self.time_max;
        let head = options.and_then(|options| options.first_byte_timeout);
        let head = head.map_or(deadline, |time| deadline.min(Instant::now() + time));
        let (sent, response_max_bytes) = (self.client.request(request), self.response_max_bytes);
        let plugin = self.plugin.clone();
        Ok(async move {
            let response = timeout_at(head, sent).await.map_err(|_| Error::HttpResponseTimeout)?;
            let response = response.map_err(|error| error::of(&plugin, connection, &error))?;
            Ok(response.map(|body| Bounded::new(body, response_max_bytes, deadline, place).boxed()))
        })
    }

    /// Checks that a request's host is granted.
    fn check(&self, connection: ConnectionId, uri: &Uri) -> Result<(), Error> {
        let default_port = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        let authority = uri.authority().ok_or(Error::HttpRequestUriInvalid)?;
        let (host, port) = (authority.host(), authority.port_u16().unwrap_or(default_port));
        if !authority.as_str().contains('@')
            && self.hosts.iter().any(|granted| granted.covers(host, port, default_port))
        {
            return Ok(());
        }
        if let Some(others) = self.denial_said.say() {
            let port = if port == default_port { String::new() } else { format!(":{port}") };
            let host = printable(host, NAME_MAX_BYTES);
            tracing::warn!(plugin = %self.plugin, %connection, others,
                "an HTTP request to a host that is not granted; to grant it: http = [\"{host}{port}\"]");
        }
        Err(Error::HttpRequestDenied)
    }
}

/// TLS for a client that trusts the authorities which the system trusts.
///
/// # Errors
/// There is no version of TLS to speak.
pub fn trusting_the_system() -> Result<ClientConfig, tokio_rustls::rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
