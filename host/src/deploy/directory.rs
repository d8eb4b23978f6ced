//! What is in a directory, and what follows from that.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tokio::time::{MissedTickBehavior, interval};

use super::stamp::Stamp;
use crate::{
    config::plugin_name,
    observe::Seldom,
    plugin::{Loader, Plugin},
    server::{Sites, routes::Pattern},
};

/// How often the directory is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// The longest name that a plugin can have.
const NAME_MAX_BYTES: usize = 128;

/// A directory whose plugins are served.
pub struct Directory {
    path: PathBuf,
    loader: Loader,
    sites: Arc<Sites>,
    /// What was found in it, by name.
    found: BTreeMap<String, Found>,
    unreadable_said: Seldom,
}

/// A plugin's files, as they were last seen.
struct Found {
    stamp: Stamp,
    /// What was done about them.
    done: Done,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    /// Nothing yet: they may be written to.
    Nothing,
    /// They were loaded, or refused.
    Tried,
}

impl Directory {
    /// Of plugins that this loader loads, to be served by these sites.
    ///
    /// # Errors
    /// It is not there, or can't be read.
    pub fn open(path: &Path, loader: Loader, sites: Arc<Sites>) -> Result<Self> {
        if !path.is_dir() {
            bail!(
                "there is no directory {}: make it, or name another by --plugins",
                path.display()
            );
        }
        list(path).with_context(|| format!("can't read {}", path.display()))?;
        let (found, unreadable_said) = (BTreeMap::new(), Seldom::default());
        Ok(Self { path: path.to_owned(), loader, sites, found, unreadable_said })
    }

    /// Serves what is there now.
    pub async fn load(&mut self) {
        self.look().await;
        // What is there at the start is taken to be whole.
        self.look().await;
    }

    /// Serves what comes, and no more what goes.
    pub async fn watch(mut self) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let path = self.path.clone();
        let listed = tokio::task::spawn_blocking(move || list(&path)).await;
        let listed = match listed.map_err(io::Error::other).flatten() {
            Ok(listed) => listed,
            // One that can't be read says nothing about what is in it.
            Err(error) => {
                if let Some(others) = self.unreadable_said.say() {
                    tracing::warn!(
                        others,
                        "can't read {}, so all stays as it is: {error}",
                        self.path.display()
                    );
                }
                return;
            }
        };
        let gone: Vec<String> =
            self.found.keys().filter(|name| !listed.contains_key(*name)).cloned().collect();
        for name in gone {
            self.found.remove(&name);
            if self.sites.remove(&name) {
                tracing::info!(plugin = %name, "plugin removed");
            }
        }
        for (name, (path, stamp)) in listed {
            self.see(name, path, stamp).await;
        }
    }

    /// A plugin's files are as this stamp says.
    async fn see(&mut self, name: String, path: PathBuf, stamp: Stamp) {
        match self.found.get(&name) {
            Some(found) if found.stamp == stamp && found.done == Done::Tried => {}
            Some(found) if found.stamp == stamp => {
                let refused = self.deploy(&path).await.err();
                if let Some(error) = refused {
                    let what = self.sites.has(&name).then_some("; the version before goes on");
                    tracing::error!(plugin = %name, "not deployed: {error:#}{}", what.unwrap_or_default());
                }
                self.found.insert(name, Found { stamp, done: Done::Tried });
            }
            _ => _ = self.found.insert(name, Found { stamp, done: Done::Nothing }),
        }
    }

    async fn deploy(&self, path: &Path) -> Result<()> {
        let plugin = self.loader.load(path).await?;
        let routes = plugin.routes.clone().map_or_else(|| default_routes(&plugin.name), Ok)?;
        let (name, digest) = (plugin.name.clone(), plugin.digest.clone());
        said(&plugin);
        self.sites.deploy(plugin, &routes)?;
        let routes = routes.iter().map(Pattern::as_str).collect::<Vec<_>>().join(" ");
        tracing::info!(plugin = %name, %digest, %routes, "plugin deployed");
        Ok(())
    }
}

fn said(plugin: &Plugin) {
    if let Err(why) = plugin.template.can_hibernate() {
        tracing::warn!(plugin = %plugin.name,
            "its instances can't hibernate, so there are instances_max connections at most: {why}");
    }
}

/// `/NAME` and below.
fn default_routes(name: &str) -> Result<Vec<Pattern>> {
    let simple = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    if !simple {
        bail!("its name, {name:?}, is no part of a path: give its `routes`, or another name");
    }
    Ok(vec![Pattern::parse(&format!("/{name}/*"))?])
}

/// The plugins in a directory, by name.
fn list(directory: &Path) -> io::Result<BTreeMap<String, (PathBuf, Stamp)>> {
    let mut listed = BTreeMap::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = plugin_name(&path);
        // Those that begin with a dot are the temporary files of tools that copy.
        let is_plugin = path.extension().is_some_and(|extension| extension == "wasm")
            && !name.starts_with('.')
            && name.len() <= NAME_MAX_BYTES;
        if is_plugin && let Some(stamp) = Stamp::of(&path)? {
            listed.insert(name, (path, stamp));
        }
    }
    Ok(listed)
}
