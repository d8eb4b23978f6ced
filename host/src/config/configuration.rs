//! All that was given, and what of it is in force for whom.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    environment::{self, Variables},
    file::{self, Assignment, HostTable, KeyAssignment, Origins, PluginTable},
    grants::{Grants, StoreConfig},
    keys::HostKeys,
    layers::{KeyLayers, Layers},
    origin::{ConfigError, Origin},
    settings::{Config, SettingError},
};
use crate::{messaging::Rules, server::routes::Pattern};

/// Where a configuration comes from, so that it can be read again.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// The environment: names and values. Those of others are left alone.
    pub environment: Vec<(String, String)>,
    /// The command line.
    pub flags: Flags,
    /// What is in force where none of them says otherwise, of keys and settings.
    pub defaults: Flags,
    /// Where each plugin's `NAME.toml` is. None: beside `NAME.wasm`.
    pub plugin_files: Option<PathBuf>,
}

/// What was given on the command line.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// Keys of the `[host]` table, and their values.
    pub host: Vec<(&'static str, Vec<String>)>,
    /// Settings, as `NAME=VALUE`.
    pub set: Vec<String>,
    /// Variables, as `NAME=VALUE`.
    pub env: Vec<String>,
    /// Directories, as `GUEST=HOST`.
    pub dir: Vec<String>,
    /// Hosts that HTTP requests may be sent to.
    pub http: Vec<String>,
    /// Key-value stores, as `NAME` or `NAME=FILE`.
    pub key_value: Vec<String>,
}

/// The configuration file, the environment, and the command line.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    pub(super) sources: Sources,
    pub(super) keys: KeyLayers,
    pub(super) host: Layers,
    pub(super) stores: BTreeMap<String, StoreConfig>,
    pub(super) origins: Origins,
    pub(super) plugins: BTreeMap<String, PluginTable>,
    /// What the environment and the command line give to every plugin.
    over: [PluginTable; 2],
}

/// What is in force for one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginConfig {
    /// Its settings.
    pub settings: Arc<Config>,
    /// What it is granted.
    pub grants: Grants,
    /// What it serves. None: it isn't said.
    pub routes: Option<Vec<Pattern>>,
    /// Which of its topics have a history.
    pub history: Rules,
}

impl Sources {
    /// With the environment of this process.
    ///
    /// # Errors
    /// One of the host's variables that is not in UTF-8.
    pub fn of_process(file: Option<PathBuf>, flags: Flags) -> Result<Self, ConfigError> {
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if !name.starts_with(environment::PREFIX) {
                continue;
            }
            let value = value.into_string().map_err(|_| {
                let origin = Origin::Variable(name.as_str().into());
                ConfigError::at(origin, "its value is not in UTF-8")
            })?;
            environment.push((name, value));
        }
        Ok(Self { file, environment, flags, ..Self::default() })
    }
}

impl Configuration {
    /// Reads all that there is.
    ///
    /// # Errors
    /// A file that can't be read, and everything in it, in the environment and on the
    /// command line that is not known, of another type, or out of range.
    pub fn read(sources: Sources) -> Result<Self, ConfigError> {
        let table = sources.file.as_deref().map(file::host).transpose()?.unwrap_or_default();
        let HostTable { keys: file_keys, settings, mut stores, mut origins, plugins } = table;
        let variables = environment::read(&sources.environment)?;
        let flags = &sources.flags;
        let mut keys = KeyLayers::default();
        for layer in [&sources.defaults.keys(), &file_keys, &variables.keys, &flags.keys()] {
            keys.add(layer)?;
        }
        keys.check()?;
        let flags = flags.table(&mut stores, &mut origins)?;
        let over = [variables.table(), flags];
        let mut host = Layers::default();
        for layer in
            [&assignments(&sources.defaults.set)?, &settings, &over[0].settings, &over[1].settings]
        {
            host.add(layer)?;
        }
        host.check()?;
        Ok(Self { sources, keys, host, stores, origins, plugins, over })
    }

    /// These settings, as `NAME=VALUE`, and no grants.
    ///
    /// # Errors
    /// As [`Configuration::read`].
    pub fn of(settings: &[&str]) -> Result<Self, ConfigError> {
        let set = settings.iter().map(|setting| (*setting).to_owned()).collect();
        Self::read(Sources { flags: Flags { set, ..Flags::default() }, ..Sources::default() })
    }

    /// The `[host]` table.
    #[must_use]
    pub fn keys(&self) -> &HostKeys {
        &self.keys.values
    }

    /// The host's settings, which are every plugin's defaults.
    #[must_use]
    pub fn host(&self) -> &Config {
        &self.host.values
    }

    /// The key-value stores that are declared.
    #[must_use]
    pub fn stores(&self) -> &BTreeMap<String, StoreConfig> {
        &self.stores
    }

    /// The plugins that the file has tables for, and where they stand.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &Origin)> {
        let at = |name: &str| self.origins.get(&format!("plugins.{name}"));
        self.plugins.keys().filter_map(move |name| Some((name.as_str(), at(name)?)))
    }

    /// What is in force for the plugin in this file.
    ///
    /// # Errors
    /// As [`Configuration::read`], of `NAME.toml` beside it; and settings that ask
    /// for more than the host has.
    pub fn plugin(&self, wasm: &Path) -> Result<PluginConfig, ConfigError> {
        Ok(self.layered(wasm)?.0)
    }

    /// The same, and where it was given.
    pub(super) fn layered(
        &self,
        wasm: &Path,
    ) -> Result<(PluginConfig, Layers, Origins), ConfigError> {
        let table = self.plugins.get(&*plugin_name(wasm));
        let beside = wasm.with_extension("toml");
        let own = match (&self.sources.plugin_files, beside.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => beside,
        };
        let own = file::plugin(&own)?;
        let mut layers = self.host.clone();
        let (mut grants, mut routes, mut history) = (Grants::default(), None, Vec::new());
        let mut origins = Origins::default();
        for layer in table.into_iter().chain(&own).chain(&self.over) {
            layers.add(&layer.settings)?;
            grants.add(&layer.grants);
            routes = layer.routes.clone().or(routes);
            history.extend(layer.history.iter().cloned());
            origins.extend(layer.origins.clone());
        }
        layers.check()?;
        layers.check_room(&self.host)?;
        let (settings, history) = (Arc::new(layers.values.clone()), Rules::new(history));
        Ok((PluginConfig { settings, grants, routes, history }, layers, origins))
    }
}

impl Variables {
    fn table(self) -> PluginTable {
        PluginTable { settings: self.settings, ..PluginTable::default() }
    }
}

impl Flags {
    fn keys(&self) -> Vec<KeyAssignment> {
        let assignment = |(name, given): &(&'static str, Vec<String>)| {
            let origin = Origin::flag(format!("--{}", name.replace('_', "-")));
            KeyAssignment { name: (*name).to_owned(), given: given.clone(), origin }
        };
        self.host.iter().map(assignment).collect()
    }

    /// What is given to every plugin. The stores' files are declared by it.
    fn table(
        &self,
        stores: &mut BTreeMap<String, StoreConfig>,
        declared: &mut Origins,
    ) -> Result<PluginTable, ConfigError> {
        let mut table = PluginTable { settings: assignments(&self.set)?, ..PluginTable::default() };
        let PluginTable { grants, origins, .. } = &mut table;
        let mut note = |kind: &str, name: &str, option| {
            origins.insert(format!("{kind}.{name}"), Origin::flag(option));
        };
        let wrong = |option| move |error: String| ConfigError::at(Origin::flag(option), error);
        for text in &self.env {
            let (name, value) = pair(text, "NAME=VALUE").map_err(wrong("--env"))?;
            grants.add_variable(name, value).map_err(wrong("--env"))?;
            note("environment", name, "--env");
        }
        for text in &self.dir {
            let (guest, host) = pair(text, "GUEST=HOST").map_err(wrong("--dir"))?;
            grants.add_directory(guest, host.into()).map_err(wrong("--dir"))?;
            note("directories", guest, "--dir");
        }
        for host in &self.http {
            grants.add_http(host).map_err(wrong("--http"))?;
            note("http", host, "--http");
        }
        for text in &self.key_value {
            let (name, file) = text.split_once('=').unzip();
            let name = name.unwrap_or(text);
            grants.add_store(name).map_err(wrong("--key-value"))?;
            note("key_value", name, "--key-value");
            if let Some(file) = file {
                stores.entry(name.to_owned()).or_default().path = Some(PathBuf::from(file));
                for key in [format!("stores.{name}"), format!("stores.{name}.path")] {
                    declared.insert(key, Origin::flag("--key-value"));
                }
            }
        }
        Ok(table)
    }
}

/// A plugin's name: its file's, without `.wasm`.
#[must_use]
pub fn plugin_name(wasm: &Path) -> String {
    wasm.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn assignments(set: &[String]) -> Result<Vec<Assignment>, ConfigError> {
    let origin = Origin::flag("--set");
    let assignment = |text: &String| {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| ConfigError::at(origin.clone(), SettingError::Form(text.clone())))?;
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        Ok(Assignment { name, value, origin: origin.clone() })
    };
    set.iter().map(assignment).collect()
}

fn pair<'a>(text: &'a str, form: &str) -> Result<(&'a str, &'a str), String> {
    text.split_once('=').ok_or_else(|| format!("`{text}` is not of the form {form}"))
}

#[cfg(test)]
mod tests;
