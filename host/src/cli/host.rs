//! What `run` and `serve` have in common: a host, from its configuration to its end.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use tokio::signal::unix::Signal;
use tokio_util::task::AbortOnDropHandle;

use super::{
    files, gauges,
    listen::{announce, listen},
    signals::{Signals, hangups},
    systemd::{Notify, Sockets},
};
use crate::{
    admin::{Admin, Token},
    background,
    cluster::{Cluster, ClusterOptions},
    config::{Config, Configuration, HostKeys},
    deploy::{self, Deployments, Reloader},
    hibernation::{Settings, SnapshotStore, Spill},
    internal::Internal,
    key_value::Stores,
    observe::{self, LogFilter, Metrics, Traces},
    plugin::{Cache, Compiler, Loader, THIS_PROGRAM},
    sandbox,
    server::{
        Common, Edge, Host, Sites,
        tls::{Files, Tls},
    },
};

/// What the process was given, beside its configuration.
struct Given {
    sockets: Sockets,
    notify: Notify,
    log: Arc<LogFilter>,
}

/// Runs a host to its end. `deployments` says which plugins it serves.
pub(super) fn run(
    configuration: Configuration,
    deployments: impl FnOnce(Loader, Arc<Sites>) -> Result<Deployments>,
) -> Result<()> {
    // First: it changes the environment.
    let sockets = Sockets::take()?;
    let keys = configuration.keys();
    let log = observe::log_to_stderr(observe::log_filter(&keys.log)?, keys.log_format)?;
    let notify = Notify::from_environment()?;
    let given = Given { sockets, notify, log: log.filter.clone() };
    background::start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(background::BLOCKING_THREADS_MAX)
        .build()
        .context("can't start the threads that serve connections")?;
    runtime.block_on(host(configuration, given, deployments))
}

async fn host(
    configuration: Configuration,
    Given { sockets, notify, log }: Given,
    deployments: impl FnOnce(Loader, Arc<Sites>) -> Result<Deployments>,
) -> Result<()> {
    let (mut signals, hangups) = (Signals::new()?, hangups()?);
    let (reloader, reloads) = deploy::reloads();
    let metrics = Arc::<Metrics>::default();
    let traces = Traces::from_environment(&metrics)?;
    let keys = configuration.keys().clone();
    let config = Arc::new(configuration.host().clone());
    let snapshots = snapshots(keys.spill.clone(), &config)?;
    let Some(cluster) = signals.unless(cluster(&keys, &config)).await else { return Ok(()) };
    let cluster = cluster?;
    let common = Common::new(&config, snapshots, files::sockets_max(&config));
    let sites = Sites::new(Common { cluster: cluster.clone(), ..common });
    let token = Token::find(keys.admin_token_file.as_deref())?;
    let admin = Admin::new(sites.clone(), reloader.clone(), log.clone(), token, config.clone());
    let internal = Internal::new(metrics.clone(), admin);
    tell(&internal, sockets.internal, &keys)?;
    let listener = listen(sockets.public, keys.listen, "--listen")?;
    let tls = tls(&keys)?;
    gauges::watch(&metrics, &sites);
    let mut deployments =
        deployments(loader(configuration, metrics.clone(), &config)?, sites.clone())?;
    let Some(loaded) = signals.unless(deployments.load()).await else { return Ok(()) };
    loaded?;
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let url = format!("{scheme}://{}/", listener.local_addr()?);
    let edge_now = edge(&keys);
    let host = Host::new(config.clone(), sites, tls.clone(), edge_now, metrics, traces.clone());
    // Before it is announced: who reads that may ask for it at once.
    internal.set_ready(true);
    announce(&url)?;
    notify.ready(&url);
    tokio::spawn(notify.clone().watchdog());
    let apply = |keys: &HostKeys| apply(keys, &host, tls.as_ref(), &log);
    // A task of its own: what reads files or compiles holds up nobody who connects.
    let accepting = AbortOnDropHandle::new(tokio::spawn(host.clone().listen(listener)));
    let serving = async {
        tokio::join!(
            accepting,
            deployments.serve(reloads, apply),
            reload_at(hangups, &reloader, &notify, &url)
        )
    };
    signals.unless(serving).await;
    internal.set_ready(false);
    stop(&host, &config, &mut signals, &notify).await;
    if let Some(cluster) = cluster {
        cluster.leave().await;
    }
    if let Some(traces) = traces {
        signals.unless(traces.shut_down()).await;
    }
    Ok(())
}

/// The way to the other nodes, if there is one.
async fn cluster(keys: &HostKeys, config: &Arc<Config>) -> Result<Option<Arc<Cluster>>> {
    if keys.cluster.is_empty() {
        return Ok(None);
    }
    let identity = match (&keys.cluster_cert, &keys.cluster_key) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        _ => bail!("--cluster-cert and --cluster-key need each other"),
    };
    let options = ClusterOptions {
        servers: keys.cluster.clone(),
        prefix: keys.cluster_prefix.clone(),
        credentials: keys.cluster_credentials.clone(),
        ca: keys.cluster_ca.clone(),
        identity,
    };
    Cluster::connect(&options, config.clone()).await.map(Some)
}

/// Ends all connections; a second signal cuts them off.
async fn stop(host: &Host, config: &Config, signals: &mut Signals, notify: &Notify) {
    let status = format!("going down: closing {} connections", host.connections());
    tracing::info!("{status}");
    let most = config.shutdown_ms + config.shutdown_timeout_ms + STOP_ELSEWHERE_MS;
    notify.stopping(Duration::from_millis(most), &status);
    let left = signals.unless(host.stop()).await.unwrap_or_else(|| host.connections());
    if left > 0 {
        tracing::warn!("{left} connections were cut off");
    }
}

/// The time that the service manager gives for what is no connection's: threads that
/// end, and what the system frees.
const STOP_ELSEWHERE_MS: u64 = 10_000;

/// Reloads at each of these signals. How that went is in the log, and in the status.
async fn reload_at(mut hangups: Signal, reloader: &Reloader, notify: &Notify, url: &str) {
    while hangups.recv().await.is_some() {
        notify.reloading();
        match reloader.reload().await {
            Ok(_) => notify.ready(url),
            Err(error) => notify.ready(&format!("{url}, not reloaded: {error}")),
        }
    }
}

/// Does what a reloaded configuration says of the host: all of it, or nothing.
fn apply(keys: &HostKeys, host: &Host, tls: Option<&Tls>, log: &LogFilter) -> Result<()> {
    let filter = observe::log_filter(&keys.log)?;
    if let (Some(tls), Some(files)) = (tls, tls_files(keys)) {
        tls.take(files)?;
    }
    log.set(filter);
    host.set_edge(edge(keys));
    Ok(())
}

/// Begins to tell what an operator's tools ask for, if there is where.
fn tell(
    internal: &Arc<Internal>,
    passed: Option<std::net::TcpListener>,
    keys: &HostKeys,
) -> Result<()> {
    let address = match (&passed, keys.internal) {
        (Some(passed), _) => passed.local_addr()?,
        (None, Some(address)) => address,
        (None, None) => return Ok(()),
    };
    let listener = listen(passed, address, "--internal")?;
    tracing::info!("internal listener on http://{}/", listener.local_addr()?);
    tokio::spawn(internal.clone().listen(listener));
    Ok(())
}

/// Who may connect, and who they are.
fn edge(keys: &HostKeys) -> Edge {
    Edge {
        origins: keys.origin.clone(),
        proxies: keys.trust_proxy.clone(),
        header: keys.proxy_header,
        proxy_protocol: keys.proxy_protocol,
    }
}

fn loader(configuration: Configuration, metrics: Arc<Metrics>, config: &Config) -> Result<Loader> {
    Ok(Loader {
        engine: sandbox::engine(config)?,
        compiler: compiler(configuration.keys().cache.clone(), config)?,
        stores: Stores::open(configuration.stores(), config)?,
        configuration,
        metrics,
    })
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

/// TLS with the files that are given, which are watched from then on.
fn tls(keys: &HostKeys) -> Result<Option<Tls>> {
    let Some(files) = tls_files(keys) else { return Ok(None) };
    let (tls, watch) = Tls::new(files)?;
    tokio::spawn(watch.run());
    Ok(Some(tls))
}

pub(super) fn tls_files(keys: &HostKeys) -> Option<Files> {
    let (certificate, key) = keys.tls_cert.clone().zip(keys.tls_key.clone())?;
    Some(Files { certificate, key })
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
