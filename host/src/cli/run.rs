//! `wshost run`: one plugin on every path.

use std::{
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
    signal::unix::{SignalKind, signal},
};

use super::{files, gauges, plugin::PluginArguments};
use crate::{
    background,
    config::{Config, Configuration, settings},
    connection::{MemoryBound, Places, Shared},
    hibernation::{Settings, Slots, SnapshotStore, Spill},
    key_value::Stores,
    messaging::Hub,
    observe::{self, Metrics, internal::Internal},
    plugin::{Cache, Compiler, Loader, THIS_PROGRAM},
    sandbox,
    server::{
        Edge, Host, ProxyHeader,
        tls::{Files, Tls},
    },
};

/// Serves a plugin on every path.
#[derive(Args)]
#[command(after_long_help = settings_help())]
pub(super) struct Run {
    #[command(flatten)]
    plugin: PluginArguments,
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

impl Run {
    pub(super) fn run(self) -> Result<()> {
        let _log = observe::log_to_stderr(&self.log)?;
        let configuration = self.plugin.configuration()?;
        background::start()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .max_blocking_threads(background::BLOCKING_THREADS_MAX)
            .build()
            .context("can't start the threads that serve connections")?;
        runtime.block_on(self.serve(configuration))
    }

    async fn serve(self, configuration: Configuration) -> Result<()> {
        // Asked for first: a signal during the start-up ends it as well.
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        let metrics = Arc::<Metrics>::default();
        let internal = Internal::new(metrics.clone());
        if let Some(address) = self.internal {
            tell(&internal, address).await?;
        }
        let config = configuration.host();
        let sockets_max = files::sockets_max(config);
        let listener = bind(self.listen, "--listen").await?;
        let tls = tls(self.tls_cert, self.tls_key)?;
        let snapshots = Arc::new(snapshots(self.spill, config)?);
        let compiler = compiler(self.cache, config)?;
        let engine = sandbox::engine(config)?;
        let slots = Slots::new(usize::try_from(config.instances_max)?);
        let stores = Stores::open(configuration.stores(), config)?;
        let loader = Loader { engine, compiler, configuration, stores, metrics: metrics.clone() };
        tracing::info!("loading {}", self.plugin.plugin.display());
        let plugin = tokio::select! {
            loaded = loader.load(&self.plugin.plugin) => loaded?,
            _ = interrupted.recv() => return Ok(()),
            _ = terminated.recv() => return Ok(()),
        };
        tracing::info!(plugin = %plugin.name, digest = %plugin.digest, "plugin loaded");
        if let Err(why) = plugin.template.can_hibernate() {
            tracing::warn!(plugin = %plugin.name,
                "its instances can't hibernate, so there are instances_max connections at most: {why}");
        }
        let config = plugin.tenant.config.clone();
        let MemoryBound { peer_bytes, handler_bytes } = MemoryBound::of(&config);
        tracing::info!(
            peer_bytes,
            handler_bytes,
            "the most that a connection can make the host hold"
        );
        let scheme = if tls.is_some() { "wss" } else { "ws" };
        let edge = Edge {
            origins: self.origin,
            proxies: self.trust_proxy,
            header: self.proxy_header,
            proxy_protocol: self.proxy_protocol,
        };
        let hub = Hub::default();
        let places = Places::new(&config, sockets_max);
        let shared = Arc::new(Shared { plugin, config, hub, slots, snapshots, places });
        gauges::watch(&metrics, &shared);
        let host = Host::new(shared, tls, edge, metrics);
        announce(scheme, listener.local_addr()?)?;
        internal.set_ready(true);
        tokio::select! {
            () = host.listen(listener) => {}
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        internal.set_ready(false);
        tracing::info!("going down: closing {} connections", host.connections());
        let left = tokio::select! {
            left = host.stop() => left,
            _ = interrupted.recv() => host.connections(),
            _ = terminated.recv() => host.connections(),
        };
        if left > 0 {
            tracing::warn!("{left} connections were cut off");
        }
        Ok(())
    }
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

fn settings_help() -> String {
    let mut help = String::from("Settings, with their defaults:\n");
    for setting in settings() {
        help += &format!("\n  {}={}\n", setting.name, setting.default);
        for line in setting.doc.lines() {
            help += &format!("          {}\n", line.trim());
        }
        help += &format!("          Takes {}.\n", setting.expected);
    }
    help
}
