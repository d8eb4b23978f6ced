//! The plugins that are served, each through its versions, and which requests are
//! for whom.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::Duration,
};

use thiserror::Error;

use super::{
    routes::{Pattern, RouteError, Routes},
    spread,
};
use crate::{
    cluster::Cluster,
    config::{Config, OnDeploy},
    connection::{Places, Shared, Succession, Successor},
    hibernation::{Slots, SnapshotStore},
    messaging::{Hub, Mailbox},
    plugin::Plugin,
    sandbox::WarmRoom,
    websocket::CloseFrame,
};

/// The pace at which connections are closed when the host goes down, if there are so
/// few that `shutdown_ms` would be slower. One core sets up 1,400 of them in a second
/// over TLS with an RSA key of 2,048 bits, 4,000 with one of P-256 (`wshost bench
/// connect`): at 1,000 a second they burden nobody whom they come to.
const SHUTDOWN_PACE: Duration = Duration::from_millis(1);

/// What all plugins of a host share.
#[derive(Clone)]
pub struct Common {
    /// How many instances there may be.
    pub slots: Arc<Slots>,
    /// How many that no connection has may be kept.
    pub warm: Arc<WarmRoom>,
    /// Where those that sleep are.
    pub snapshots: Arc<SnapshotStore>,
    /// How many connections there are.
    pub places: Arc<Places>,
    /// The other nodes, if there are any to be reached.
    pub cluster: Option<Arc<Cluster>>,
}

impl Common {
    /// As many as the settings say; connections no more than `sockets_max`.
    #[must_use]
    pub fn new(config: &Config, snapshots: SnapshotStore, sockets_max: usize) -> Self {
        Self {
            slots: Slots::new(usize::try_from(config.instances_max).unwrap_or(usize::MAX)),
            warm: WarmRoom::new(usize::try_from(config.instances_warm_max).unwrap_or(usize::MAX)),
            snapshots: Arc::new(snapshots),
            places: Places::new(config, sockets_max),
            cluster: None,
        }
    }
}

/// See the module.
pub struct Sites {
    common: Common,
    inside: RwLock<Inside>,
}

#[derive(Default)]
struct Inside {
    sites: BTreeMap<Arc<str>, Site>,
    routes: Routes<Arc<Shared>>,
    /// The hubs of plugins that are served no more, while they have connections.
    removed: BTreeMap<Arc<str>, Weak<Hub>>,
}

/// One plugin.
#[derive(Clone)]
pub struct Site {
    /// What it serves.
    pub patterns: Arc<[Pattern]>,
    /// The version that new connections get.
    pub current: Arc<Shared>,
    /// Those that have connections, at most: the oldest first.
    versions: Vec<Weak<Shared>>,
}

impl Site {
    /// The versions that have connections, and the current one: the oldest first.
    #[must_use]
    pub fn versions(&self) -> Vec<Arc<Shared>> {
        self.versions.iter().filter_map(Weak::upgrade).collect()
    }
}

/// A request's plugin.
pub struct Served {
    /// What its connections share.
    pub shared: Arc<Shared>,
    /// What the route bound.
    pub parameters: Vec<(String, String)>,
}

/// Why a plugin is not served.
#[derive(Debug, Error)]
pub enum DeployError {
    /// Others serve its requests.
    #[error(transparent)]
    Routes(#[from] RouteError),
    /// Too many of its versions have connections.
    #[error(
        "{0} versions of it have connections (versions_max): raise it, or deploy by `on_deploy = \"drain\"` \
         or `\"migrate\"`"
    )]
    Versions(usize),
}

impl Sites {
    /// None yet.
    #[must_use]
    pub fn new(common: Common) -> Arc<Self> {
        Arc::new(Self { common, inside: RwLock::default() })
    }

    /// Whether a plugin of this name is served.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.inside.read().unwrap_or_else(PoisonError::into_inner).sites.contains_key(name)
    }

    /// The plugin of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Site> {
        self.inside.read().unwrap_or_else(PoisonError::into_inner).sites.get(name).cloned()
    }

    /// All plugins, in the order of their names.
    #[must_use]
    pub fn all(&self) -> Vec<Site> {
        let inside = self.inside.read().unwrap_or_else(PoisonError::into_inner);
        inside.sites.values().cloned().collect()
    }

    /// What they share.
    #[must_use]
    pub fn common(&self) -> &Common {
        &self.common
    }

    /// The plugin that serves a request to this host and path.
    #[must_use]
    pub fn find(&self, host: Option<&str>, path: &str) -> Option<Served> {
        let inside = self.inside.read().unwrap_or_else(PoisonError::into_inner);
        let found = inside.routes.find(host, path)?;
        Some(Served { shared: found.serves.clone(), parameters: found.parameters })
    }

    /// What each plugin's connections share, of the version that new ones get.
    #[must_use]
    pub fn current(&self) -> Vec<Arc<Shared>> {
        let inside = self.inside.read().unwrap_or_else(PoisonError::into_inner);
        inside.sites.values().map(|site| site.current.clone()).collect()
    }

    /// Serves a plugin. If one of this name was served, this is its new version, and
    /// what becomes of the connections of all others is the new one's to say
    /// (`on_deploy`).
    ///
    /// # Errors
    /// [`DeployError`]: all is as before.
    pub fn deploy(&self, plugin: Plugin, patterns: &[Pattern]) -> Result<(), DeployError> {
        let mut inside = self.inside.write().unwrap_or_else(PoisonError::into_inner);
        let name = plugin.name.clone();
        let older = inside.sites.get(&name).map(Site::versions).unwrap_or_default();
        if older.len() >= plugin.tenant.config.versions_max {
            return Err(DeployError::Versions(older.len()));
        }
        let known = older.last().map(|before| before.hub.clone());
        // One that is served again reaches those that it left.
        let known = known.or_else(|| inside.removed.get(&name).and_then(Weak::upgrade));
        let is_new = known.is_none();
        let hub = known.unwrap_or_default();
        let current = self.shared(plugin, hub);
        let versions = older.iter().chain([&current]).map(Arc::downgrade).collect();
        let site = Site { patterns: patterns.into(), current: current.clone(), versions };
        let mut sites = inside.sites.clone();
        sites.insert(name.clone(), site);
        let routes = routes(&sites)?;
        (inside.sites, inside.routes) = (sites, routes);
        inside.removed.remove(&name);
        drop(inside);
        current.hub.configure(&current.plugin.tenant);
        if let Some(cluster) = self.common.cluster.as_ref().filter(|_| is_new) {
            cluster.join(&name, &current.hub);
        }
        match current.config.on_deploy {
            // Who was to move moves all the same, to where it was to.
            OnDeploy::Keep => {}
            OnDeploy::Drain => drain(&older, &current),
            OnDeploy::Migrate => {
                let successor = || Successor::Migrate(current.clone());
                replace(&older, successor, &current.hub, Duration::ZERO);
            }
        }
        Ok(())
    }

    /// Serves a plugin no more: new requests are answered with 404, its connections
    /// closed with 1012. False: there is none of this name.
    pub fn remove(&self, name: &str) -> bool {
        let mut inside = self.inside.write().unwrap_or_else(PoisonError::into_inner);
        let Some(site) = inside.sites.remove(name) else { return false };
        // Fewer routes can't contradict each other.
        inside.routes = routes(&inside.sites).unwrap_or_default();
        inside.removed.retain(|_, hub| hub.strong_count() > 0);
        inside.removed.insert(name.into(), Arc::downgrade(&site.current.hub));
        drop(inside);
        drain(&site.versions(), &site.current);
        true
    }

    /// Tells every connection that the host goes down, those that come later at once,
    /// the others spread over this time, or less where there are few.
    pub async fn shut_down(&self, time: Duration) {
        let mut mailboxes = Vec::new();
        for (_, hub) in self.hubs() {
            mailboxes.extend(hub.shut_down());
        }
        let count = u32::try_from(mailboxes.len()).unwrap_or(u32::MAX);
        let time = time.min(SHUTDOWN_PACE.saturating_mul(count));
        spread::over(time, mailboxes, Mailbox::shut_down).await;
    }

    /// Closes all connections that a plugin has now by this frame, spread over this
    /// time. Returns how many there are.
    pub fn drain(hub: &Hub, time: Duration, frame: CloseFrame) -> usize {
        let mailboxes = hub.all();
        let count = mailboxes.len();
        let close = move |mailbox: &Mailbox| mailbox.close_by_operator(frame.clone());
        tokio::spawn(spread::over(time, mailboxes, close));
        count
    }

    /// Those of all connections, by plugins, also of plugins that were removed.
    #[must_use]
    pub fn hubs(&self) -> Vec<(Arc<str>, Arc<Hub>)> {
        let inside = self.inside.read().unwrap_or_else(PoisonError::into_inner);
        let current =
            inside.sites.iter().map(|(name, site)| (name.clone(), site.current.hub.clone()));
        let removed =
            inside.removed.iter().filter_map(|(name, hub)| Some((name.clone(), hub.upgrade()?)));
        current.chain(removed).collect()
    }

    fn shared(&self, plugin: Plugin, hub: Arc<Hub>) -> Arc<Shared> {
        let Common { slots, warm, snapshots, places, .. } = self.common.clone();
        let config = plugin.tenant.config.clone();
        Arc::new(Shared {
            plugin,
            config,
            hub,
            slots,
            warm,
            snapshots,
            places,
            connections: AtomicUsize::new(0),
            succession: Succession::default(),
            picks_none_said: AtomicBool::new(false),
        })
    }
}

fn routes(sites: &BTreeMap<Arc<str>, Site>) -> Result<Routes<Arc<Shared>>, RouteError> {
    let mut routes = Routes::default();
    for (name, site) in sites {
        for pattern in site.patterns.iter() {
            routes.add(name, pattern, site.current.clone())?;
        }
    }
    Ok(routes)
}

/// Closes the connections of these versions, over the newest one's time.
fn drain(versions: &[Arc<Shared>], newest: &Shared) {
    let time = Duration::from_millis(newest.config.drain_ms);
    replace(versions, || Successor::Drain, &newest.hub, time);
}

/// Has the connections of these versions do what the successor says, over this time.
/// Those that come later, as they were being opened, see it too.
fn replace(versions: &[Arc<Shared>], successor: impl Fn() -> Successor, hub: &Hub, time: Duration) {
    versions.iter().for_each(|version| version.succession.set(successor()));
    tokio::spawn(spread::over(time, hub.all(), Mailbox::replaced));
}
