//! Plugins and their versions.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Admin, Asked, Problem, Reply};
use crate::{
    capabilities::Granted,
    connection::{Shared, Successor},
    server::{Site, Sites},
    websocket::{CloseCode, CloseFrame},
};

#[derive(Serialize)]
struct Plugin {
    name: String,
    /// The digest of the version that new connections get.
    version: String,
    connections: usize,
    routes: Vec<String>,
    /// Why its instances can't hibernate; none: they can.
    stays_awake: Option<String>,
    grants: Granted,
    /// Those that have connections, and the current one, which is the last.
    versions: Vec<Version>,
}

#[derive(Serialize)]
struct Version {
    digest: String,
    connections: usize,
    /// What its connections do; none: it is the current one.
    successor: Option<&'static str>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DrainBody {
    /// None: the plugin's `drain_ms`.
    over_ms: Option<u64>,
}

#[derive(Serialize)]
struct Draining {
    connections: usize,
    over_ms: u64,
}

/// Longer is no drain.
const OVER_MAX_MS: u64 = 24 * 60 * 60 * 1000;

impl Admin {
    pub(super) fn plugins(&self) -> Result<Reply, Problem> {
        let plugins: Vec<_> = self.sites.all().iter().map(Plugin::of).collect();
        Reply::json(&BTreeMap::from([("plugins", plugins)]))
    }

    pub(super) fn plugin(&self, asked: &Asked) -> Result<Reply, Problem> {
        Reply::json(&Plugin::of(&self.site(asked)?))
    }

    /// The plugin that the path names.
    pub(super) fn site(&self, asked: &Asked) -> Result<Site, Problem> {
        let name = asked.parameter("name");
        self.sites.get(name).ok_or_else(|| {
            Problem::new(StatusCode::NOT_FOUND, format!("no plugin named `{name}` is served"))
        })
    }

    pub(super) fn drain(&self, asked: &Asked) -> Result<Reply, Problem> {
        let current = self.site(asked)?.current;
        let DrainBody { over_ms } = asked.json_or_default()?;
        let over_ms = over_ms.unwrap_or(current.config.drain_ms);
        if over_ms > OVER_MAX_MS {
            let detail = format!("over_ms is more than a day ({OVER_MAX_MS})");
            return Err(Problem::unprocessable(detail));
        }
        let frame = CloseFrame::from(CloseCode::SERVICE_RESTART);
        let connections = Sites::drain(&current.hub, Duration::from_millis(over_ms), frame);
        tracing::info!(plugin = %current.plugin.name, connections, over_ms, "draining, as the admin interface was told");
        Reply::accepted(&Draining { connections, over_ms })
    }
}

impl Plugin {
    fn of(site: &Site) -> Self {
        let Shared { plugin, hub, .. } = &*site.current;
        Self {
            name: plugin.name.to_string(),
            version: plugin.digest.clone(),
            connections: hub.len(),
            routes: site.patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect(),
            stays_awake: plugin.template.can_hibernate().err().map(ToString::to_string),
            grants: plugin.tenant.capabilities.granted(),
            versions: site.versions().iter().map(|one| Version::of(one, &site.current)).collect(),
        }
    }
}

impl Version {
    fn of(shared: &Arc<Shared>, current: &Arc<Shared>) -> Self {
        Self {
            digest: shared.plugin.digest.clone(),
            connections: shared.connections.load(Relaxed),
            successor: match shared.succession.get() {
                Some(Successor::Drain) => Some("drain"),
                Some(Successor::Migrate(_)) => Some("migrate"),
                None => (!Arc::ptr_eq(shared, current)).then_some("keep"),
            },
        }
    }
}
