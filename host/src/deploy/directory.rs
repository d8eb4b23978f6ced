//! What is in a directory, and what follows from that.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use super::{
    deployer::Deployer,
    reload::{Change, Reloaded},
};
use crate::{
    config::{Origin, plugin_name},
    observe::Seldom,
    server::{DeployError, routes::Pattern},
    stamp::Stamp,
};

/// The longest name that a plugin can have.
const NAME_MAX_BYTES: usize = 128;
/// How many lines one look gives to plugins that are refused: a directory may be
/// filled with what is none. The others are counted.
const REFUSALS_SAID_MAX: usize = 20;

/// A directory whose plugins are served.
pub(super) struct Directory {
    path: PathBuf,
    /// What was found in it, by name.
    found: BTreeMap<String, Found>,
    unreadable_said: Seldom,
}

/// A plugin's files: the component, and its configuration if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamps {
    component: Stamp,
    configuration: Option<Stamp>,
}

/// A plugin's files, as they were last seen.
struct Found {
    stamps: Stamps,
    /// What was done about them.
    done: Done,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    /// Nothing yet: they may be written to.
    Nothing,
    /// They were loaded, or refused.
    Tried,
    /// They were refused for the sake of what else is served.
    NoPlace,
    /// They were refused, as so many versions of the plugin have connections.
    Crowded(usize),
}

/// The plugins in a directory, by name.
pub(super) type Listed = BTreeMap<String, (PathBuf, Stamps)>;

impl Directory {
    /// # Errors
    /// It is not there, or can't be read.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            bail!(
                "there is no directory {}: make it, or name another by --plugins",
                path.display()
            );
        }
        list(path).with_context(|| format!("can't read {}", path.display()))?;
        let (found, unreadable_said) = (BTreeMap::new(), Seldom::default());
        Ok(Self { path: path.to_owned(), found, unreadable_said })
    }

    /// Serves what is there now.
    pub(super) async fn load(&mut self, deployer: &mut Deployer) {
        self.look(deployer).await;
        // What is there at the start is taken to be whole.
        self.look(deployer).await;
    }

    /// Serves what came, and no more what went.
    pub(super) async fn look(&mut self, deployer: &mut Deployer) {
        let listed = match self.list().await {
            Ok(listed) => listed,
            // One that can't be read says nothing about what is in it.
            Err(error) => {
                if let Some(others) = self.unreadable_said.say() {
                    tracing::warn!(others, "all stays as it is: {error:#}");
                }
                return;
            }
        };
        self.forget(&listed, deployer);
        let mut refusals = Refusals::default();
        for (name, (path, stamps)) in listed {
            match self.found.get(&name) {
                Some(found) if found.stamps == stamps => {
                    let is_to_do = match found.done {
                        Done::Nothing => true,
                        Done::Crowded(versions) => deployer.versions(&name) < versions,
                        Done::Tried | Done::NoPlace => false,
                    };
                    if is_to_do {
                        let deployed = self.deploy(&name, &path, stamps, deployer).await;
                        refusals.say(&name, &deployed, deployer);
                    }
                }
                _ => _ = self.found.insert(name, Found { stamps, done: Done::Nothing }),
            }
        }
        refusals.say_others();
    }

    /// The same, of every plugin whose file or configuration is another one. Nobody
    /// who asks for it is still writing.
    pub(super) async fn reload(
        &mut self,
        listed: Listed,
        deployer: &mut Deployer,
    ) -> Vec<Reloaded> {
        let mut all = self.forget(&listed, deployer);
        let mut refusals = Refusals::default();
        for (plugin, (path, stamps)) in listed {
            let deployed = self.deploy(&plugin, &path, stamps, deployer).await;
            refusals.say(&plugin, &deployed, deployer);
            all.push(Reloaded { plugin, result: deployed.map_err(|error| format!("{error:#}")) });
        }
        refusals.say_others();
        all.sort_by(|a, b| a.plugin.cmp(&b.plugin));
        all
    }

    /// Says which tables of the configuration are of no effect.
    pub(super) fn warn_of_tables(&self, deployer: &Deployer) {
        for (name, origin) in deployer.configuration().tables() {
            if !self.found.contains_key(name) {
                tracing::warn!("{}", NoPlugin { name, origin, directory: &self.path });
            }
        }
    }

    /// What is there.
    ///
    /// # Errors
    /// It can't be read.
    pub(super) async fn list(&self) -> Result<Listed> {
        let path = self.path.clone();
        let listed = tokio::task::spawn_blocking(move || list(&path)).await;
        let listed = listed.map_err(io::Error::other).flatten();
        listed.with_context(|| format!("can't read {}", self.path.display()))
    }

    /// Removes the plugins that are gone.
    fn forget(&mut self, listed: &Listed, deployer: &mut Deployer) -> Vec<Reloaded> {
        let is_gone = |name: &&String| !listed.contains_key(*name);
        let gone: Vec<String> = self.found.keys().filter(is_gone).cloned().collect();
        let mut removed = Vec::new();
        for plugin in gone {
            self.found.remove(&plugin);
            if deployer.remove(&plugin) {
                self.try_again();
                removed.push(Reloaded { plugin, result: Ok(Change::Removed) });
            }
        }
        removed
    }

    async fn deploy(
        &mut self,
        name: &str,
        path: &Path,
        stamps: Stamps,
        deployer: &mut Deployer,
    ) -> Result<Change> {
        let replaces = deployer.serves(name);
        let deployed = deployer.deploy(path, default_routes).await;
        if replaces && matches!(deployed, Ok(Change::Deployed { .. })) {
            self.try_again();
        }
        let done = match deployed.as_ref().err().and_then(|error| error.downcast_ref()) {
            Some(DeployError::Routes(_)) => Done::NoPlace,
            Some(DeployError::Versions(versions)) => Done::Crowded(*versions),
            None => Done::Tried,
        };
        self.found.insert(name.to_owned(), Found { stamps, done });
        deployed
    }

    /// Something is served no more, or on other routes: there may be a place for those
    /// who had none.
    fn try_again(&mut self) {
        for found in self.found.values_mut().filter(|found| found.done == Done::NoPlace) {
            found.done = Done::Nothing;
        }
    }
}

/// A table of the configuration that is of no effect.
#[derive(Clone, Copy, Debug)]
pub struct NoPlugin<'a> {
    /// The plugin that it is for.
    pub name: &'a str,
    /// Where it stands.
    pub origin: &'a Origin,
    /// Where the plugins are.
    pub directory: &'a Path,
}

impl fmt::Display for NoPlugin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, origin, directory } = self;
        let directory = directory.display();
        write!(f, "{origin}: no plugin is named `{name}`: there is no {name}.wasm in {directory}")
    }
}

/// The plugins that one look refused.
#[derive(Default)]
struct Refusals(usize);

impl Refusals {
    fn say(&mut self, name: &str, deployed: &Result<Change>, deployer: &Deployer) {
        let Err(error) = deployed else { return };
        self.0 += 1;
        if self.0 <= REFUSALS_SAID_MAX {
            deployer.refused(name, error);
        }
    }

    fn say_others(&self) {
        if let Some(others @ 1..) = self.0.checked_sub(REFUSALS_SAID_MAX) {
            tracing::error!(others, "not deployed, as those before; `wshost check FILE` says why");
        }
    }
}

/// What a plugin serves that is given no routes: `/NAME` and below.
///
/// # Errors
/// A name that is no part of a path.
pub fn default_routes(name: &str) -> Result<Vec<Pattern>> {
    let simple = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    if !simple {
        bail!("its name, {name:?}, is no part of a path: give its `routes`, or another name");
    }
    Ok(vec![Pattern::parse(&format!("/{name}/*"))?])
}

/// The files of the plugins in a directory.
///
/// # Errors
/// It can't be read.
pub fn plugins_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(list(directory)?.into_values().map(|(path, _)| path).collect())
}

/// The plugins in a directory, by name.
fn list(directory: &Path) -> io::Result<Listed> {
    let mut listed = BTreeMap::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = plugin_name(&path);
        // Those that begin with a dot are the temporary files of tools that copy.
        let is_plugin = path.extension().is_some_and(|extension| extension == "wasm")
            && !name.starts_with('.')
            && name.len() <= NAME_MAX_BYTES;
        if is_plugin && let Some(component) = Stamp::of(&path) {
            let configuration = Stamp::of(&path.with_extension("toml"));
            listed.insert(name, (path, Stamps { component, configuration }));
        }
    }
    Ok(listed)
}
