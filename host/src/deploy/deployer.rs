//! From a plugin's file to what is served.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::Result;

use super::reload::{Change, ReloadError};
use crate::{
    config::{Configuration, HostKeys, PluginConfig},
    connection::MemoryBound,
    plugin::{Digest, Loader, Plugin, Source},
    server::{Sites, routes::Pattern},
};

/// Loads plugins and has them served, and knows of which files each is made.
pub(super) struct Deployer {
    loader: Loader,
    sites: Arc<Sites>,
    served: BTreeMap<Arc<str>, Version>,
}

/// What a version that is served was made of.
struct Version {
    digest: Digest,
    config: PluginConfig,
}

impl Deployer {
    pub(super) fn new(loader: Loader, sites: Arc<Sites>) -> Self {
        Self { loader, sites, served: BTreeMap::new() }
    }

    pub(super) fn configuration(&self) -> &Configuration {
        &self.loader.configuration
    }

    /// Serves the plugin in this file, on `routes` if it is given none, unless it is
    /// served as it is.
    pub(super) async fn deploy(
        &mut self,
        path: &Path,
        routes: impl FnOnce(&str) -> Result<Vec<Pattern>>,
    ) -> Result<Change> {
        let source = self.loader.read(path).await?;
        let Source { name, digest, config, .. } = &source;
        let (name, version) = (name.clone(), Version { digest: *digest, config: config.clone() });
        if self.served.get(&name).is_some_and(|served| served.is(&version)) {
            return Ok(Change::Unchanged);
        }
        let plugin = self.loader.prepare(source).await?;
        let routes = plugin.routes.clone().map_or_else(|| routes(&name), Ok)?;
        let digest = plugin.digest.clone();
        say_bounds(&plugin);
        self.sites.deploy(plugin, &routes)?;
        self.served.insert(name.clone(), version);
        let routes = routes.iter().map(Pattern::as_str).collect::<Vec<_>>().join(" ");
        tracing::info!(plugin = %name, %digest, %routes, "plugin deployed");
        Ok(Change::Deployed { digest })
    }

    /// Whether this plugin is served.
    pub(super) fn serves(&self, name: &str) -> bool {
        self.served.contains_key(name)
    }

    /// How many of its versions have connections, with the current one.
    pub(super) fn versions(&self, name: &str) -> usize {
        self.sites.get(name).map_or(0, |site| site.versions().len())
    }

    /// Serves a plugin no more. False: it was not served.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.served.remove(name);
        let removed = self.sites.remove(name);
        if removed {
            tracing::info!(plugin = %name, "plugin removed");
        }
        removed
    }

    /// A line that says why a plugin was refused.
    pub(super) fn refused(&self, name: &str, error: &anyhow::Error) {
        let goes_on = self.sites.has(name).then_some("; the version before goes on");
        tracing::error!(plugin = %name, "not deployed: {error:#}{}", goes_on.unwrap_or_default());
    }

    /// Reads the configuration again, and has `apply` do what it says of the host.
    /// Returns what needs a restart.
    pub(super) fn reread(
        &mut self,
        apply: impl FnOnce(&HostKeys) -> Result<()>,
    ) -> Result<Vec<String>, ReloadError> {
        let wrong = |error: anyhow::Error| ReloadError::Configuration(format!("{error:#}"));
        let reread = self.loader.configuration.reread();
        let (configuration, needs_restart) = reread.map_err(|error| wrong(error.into()))?;
        let opened = self.loader.stores.open_new(configuration.stores(), configuration.host());
        let opened = opened.map_err(|error| wrong(error.into()))?;
        apply(configuration.keys()).map_err(wrong)?;
        self.loader.stores.add(opened);
        self.loader.configuration = configuration;
        Ok(needs_restart)
    }
}

impl Version {
    fn is(&self, other: &Self) -> bool {
        self.digest == other.digest && self.config == other.config
    }
}

/// What is to be known of a plugin.
fn say_bounds(plugin: &Plugin) {
    let name = &plugin.name;
    if let Err(why) = plugin.template.can_hibernate() {
        tracing::warn!(plugin = %name,
            "its instances can't hibernate, so there are instances_max connections at most: {why}");
    }
    let MemoryBound { peer_bytes, handler_bytes } = MemoryBound::of(&plugin.tenant.config);
    tracing::info!(plugin = %name, peer_bytes, handler_bytes, "the most that a connection can make the host hold");
}
