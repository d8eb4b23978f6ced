//! What `run` and `serve` have in common: a host, from its arguments to its end.

use std::{
    future::Future,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context as _, Result};
use clap::Args;
use ipnet::IpNet;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};

use super::{files, gauges};
use crate::{
    background,
    config::{Config, Configuration},
    connection::MemoryBound,
    hibernation::{Settings, SnapshotStore, Spill},
    key_value::Stores,
    observe::{self, Metrics, internal::Internal},
    plugin::{Cache, Compiler, Loader, THIS_PROGRAM},
    sandbox,
    server::{
        Common, Edge, Host, ProxyHeader, Sites,
        tls::{Files, Tls},
    },
};

/// Where a host listens, and to whom.
#[derive(Args)]
pub(super) struct HostArguments {
    /// Where to listen; with port 0 the system picks one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The certificate to serve TLS with, and those that lead to its authority (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// An origin whose pages may open WebSockets, as in https://example.com; may
    /// be repeated [default: every origin]
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
    /// A network of proxies that are believed what they say of a client's
    /// address, as in 10.0.0.0/8; may be repeated
    #[arg(long, value_name = "NETWORK")]
    trust_proxy: Vec<IpNet>,
    /// The header field in which these proxies say it, and the only one read
    #[arg(long, value_name = "NAME", default_value = "x-forwarded-for")]
    proxy_header: ProxyHeader,
    /// Connections from these proxies begin with a header of the PROXY protocol,
    /// version 1 or 2; one without it is closed. Others must send none
    #[arg(long, requires = "trust_proxy")]
    proxy_protocol: bool,
    /// Where to tell /metrics, /healthz and /readyz, as in 127.0.0.1:9090, without
    /// a login: for a network that only the operator reaches [default: nowhere]
    #[arg(long, value_name = "ADDRESS:PORT")]
    internal: Option<SocketAddr>,
    /// What to log: a level, or levels by target as in `info,guest=debug`
    #[arg(long, value_name = "FILTER", env = "WSHOST_LOG", default_value = "info")]
    log: String,
    /// Where compiled code is kept between runs
    #[arg(long, value_name = "DIRECTORY", env = "WSHOST_CACHE")]
    cache: Option<PathBuf>,
    /// Where the coldest snapshots of sleeping connections go, when those in
    /// memory take more than spill_above_bytes: a file without a name, which
    /// ends with the host [default: they stay in memory]
    #[arg(long, value_name = "DIRECTORY")]
    spill: Option<PathBuf>,
}

/// The signals that end a host, asked for before anything else is done.
struct Signals {
    interrupted: Signal,
    terminated: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }

    /// None: a signal came before it was done.
    async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.next() => None,
        }
    }
}

impl HostArguments {
    /// Runs a host to its end. `load` deploys what it serves before anybody can
    /// connect, and returns what goes on with that meanwhile.
    pub(super) fn run<L, F>(
        self,
        configuration: Configuration,
        load: impl FnOnce(Loader, Arc<Sites>) -> L,
    ) -> Result<()>
    where
        L: Future<Output = Result<F>>,
        F: Future<Output = ()>,
    {
        let _log = observe::log_to_stderr(&self.log)?;
        background::start()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .max_blocking_threads(background::BLOCKING_THREADS_MAX)
            .build()
            .context("can't start the threads that serve connections")?;
        runtime.block_on(self.host(configuration, load))
    }

    async fn host<L, F>(
        self,
        configuration: Configuration,
        load: impl FnOnce(Loader, Arc<Sites>) -> L,
    ) -> Result<()>
    where
        L: Future<Output = Result<F>>,
        F: Future<Output = ()>,
    {
        let mut signals = Signals::new()?;
        let metrics = Arc::<Metrics>::default();
        let internal = Internal::new(metrics.clone());
        if let Some(address) = self.internal {
            tell(&internal, address).await?;
        }
        let config = Arc::new(configuration.host().clone());
        let listener = bind(self.listen, "--listen").await?;
        let tls = tls(self.tls_cert, self.tls_key)?;
        let snapshots = snapshots(self.spill, &config)?;
        let sites = Sites::new(Common::new(&config, snapshots, files::sockets_max(&config)));
        gauges::watch(&metrics, &sites);
        let loader = Loader {
            engine: sandbox::engine(&config)?,
            compiler: compiler(self.cache, &config)?,
            stores: Stores::open(configuration.stores(), &config)?,
            configuration,
            metrics: metrics.clone(),
        };
        let Some(loaded) = signals.unless(load(loader, sites.clone())).await else {
            return Ok(());
        };
        let deploying = loaded?;
        let scheme = if tls.is_some() { "wss" } else { "ws" };
        let edge = Edge {
            origins: self.origin,
            proxies: self.trust_proxy,
            header: self.proxy_header,
            proxy_protocol: self.proxy_protocol,
        };
        let host = Host::new(config, sites, tls, edge, metrics);
        announce(scheme, listener.local_addr()?)?;
        internal.set_ready(true);
        let serving = async { tokio::join!(host.listen(listener), deploying) };
        signals.unless(serving).await;
        internal.set_ready(false);
        tracing::info!("going down: closing {} connections", host.connections());
        let left = signals.unless(host.stop()).await.unwrap_or_else(|| host.connections());
        if left > 0 {
            tracing::warn!("{left} connections were cut off");
        }
        Ok(())
    }
}

/// What is to be known of a plugin's settings.
pub(super) fn say_bounds(config: &Config) {
    let MemoryBound { peer_bytes, handler_bytes } = MemoryBound::of(config);
    tracing::info!(peer_bytes, handler_bytes, "the most that a connection can make the host hold");
}

/// Begins to tell what an operator's tools ask for.
async fn tell(internal: &Arc<Internal>, address: SocketAddr) -> Result<()> {
    let listener = bind(address, "--internal").await?;
    tracing::info!("internal listener on http://{}/", listener.local_addr()?);
    tokio::spawn(internal.clone().listen(listener));
    Ok(())
}

/// Listens there. `option` is what said so.
async fn bind(address: SocketAddr, option: &str) -> Result<TcpListener> {
    let hint = match TcpListener::bind(address).await {
        Ok(listener) => return Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            format!("{error}; give another port by {option}, or 0 for a free one")
        }
        Err(error) => error.to_string(),
    };
    anyhow::bail!("can't listen on {address}: {hint}")
}

/// Where snapshots are kept: in memory, and in a file if a directory is given.
fn snapshots(directory: Option<PathBuf>, config: &Config) -> Result<SnapshotStore> {
    let spill = directory.map(|directory| Spill {
        directory,
        above_bytes: config.spill_above_bytes,
        max_bytes: config.spill_max_bytes,
    });
    SnapshotStore::new(Settings { memory_max_bytes: config.snapshots_max_bytes, spill })
        .context("--spill")
}

/// TLS with these files, which are watched from then on.
fn tls(certificate: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<Tls>> {
    let (Some(certificate), Some(key)) = (certificate, key) else { return Ok(None) };
    let (tls, watch) = Tls::new(Files { certificate, key })?;
    tokio::spawn(watch.run());
    Ok(Some(tls))
}

/// On standard output, for people and for programs that started this one.
fn announce(scheme: &str, address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {scheme}://{address}/")?;
    out.flush()
}

/// Compiles in processes of its own, and keeps the code in this directory, or in
/// that which is meant for such.
pub(super) fn compiler(cache: Option<PathBuf>, config: &Config) -> Result<Compiler> {
    let directory = cache.or_else(default_cache);
    let cache = directory.map(|directory| Cache::open(&directory, config.cache_max_bytes));
    Ok(Compiler::in_worker(THIS_PROGRAM.as_ref(), config).with_cache(cache.transpose()?))
}

/// `$XDG_CACHE_HOME/wshost`, else `~/.cache/wshost`; none without a home.
fn default_cache() -> Option<PathBuf> {
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    let cache =
        std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    cache.or_else(home).map(|cache| cache.join("wshost"))
}
