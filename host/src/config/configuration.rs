//! All that was given, and what of it is in force for whom.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    file::{self, Assignment, HostTable, PluginTable},
    grants::{Grants, StoreConfig},
    origin::{ConfigError, Origin},
    settings::{Config, SettingError},
};
use crate::server::routes::Pattern;

/// What was given on the command line.
#[derive(Clone, Debug, Default)]
pub struct Flags {
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

/// The configuration file, and the command line.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    host: Layers,
    stores: BTreeMap<String, StoreConfig>,
    plugins: BTreeMap<String, PluginTable>,
    flags: PluginTable,
}

/// What is in force for one plugin.
#[derive(Clone, Debug)]
pub struct PluginConfig {
    /// Its settings.
    pub settings: Arc<Config>,
    /// What it is granted.
    pub grants: Grants,
    /// What it serves. None: it isn't said.
    pub routes: Option<Vec<Pattern>>,
}

impl Configuration {
    /// Reads the file, if there is one, and the command line.
    ///
    /// # Errors
    /// A file that can't be read, and everything in it and on the command line that
    /// is not known, of another type, or out of range.
    pub fn read(file: Option<&Path>, flags: &Flags) -> Result<Self, ConfigError> {
        let HostTable { settings, mut stores, plugins } =
            file.map(file::host).transpose()?.unwrap_or_default();
        let flags = PluginTable {
            settings: assignments(&flags.set)?,
            grants: grants(flags, &mut stores)?,
            routes: None,
        };
        let mut host = Layers::default();
        host.add(&settings)?;
        host.add(&flags.settings)?;
        host.check()?;
        Ok(Self { host, stores, plugins, flags })
    }

    /// These settings, as `NAME=VALUE`, and no grants.
    ///
    /// # Errors
    /// As [`Configuration::read`].
    pub fn of(settings: &[&str]) -> Result<Self, ConfigError> {
        let set = settings.iter().map(|setting| (*setting).to_owned()).collect();
        Self::read(None, &Flags { set, ..Flags::default() })
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

    /// What is in force for the plugin in this file.
    ///
    /// # Errors
    /// As [`Configuration::read`], of `NAME.toml` beside it; and settings that ask
    /// for more than the host has.
    pub fn plugin(&self, wasm: &Path) -> Result<PluginConfig, ConfigError> {
        let table = self.plugins.get(&*plugin_name(wasm)).cloned();
        let beside = file::plugin(&wasm.with_extension("toml"))?;
        let mut layers = self.host.clone();
        let (mut grants, mut routes) = (Grants::default(), None);
        for layer in [table.as_ref(), beside.as_ref(), Some(&self.flags)].into_iter().flatten() {
            layers.add(&layer.settings)?;
            grants.add(&layer.grants);
            routes = layer.routes.clone().or(routes);
        }
        layers.check()?;
        layers.check_room(&self.host)?;
        Ok(PluginConfig { settings: Arc::new(layers.values), grants, routes })
    }
}

/// A plugin's name: its file's, without `.wasm`.
#[must_use]
pub fn plugin_name(wasm: &Path) -> String {
    wasm.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Settings, and where those that were given were given.
#[derive(Clone, Debug, Default)]
struct Layers {
    values: Config,
    origins: BTreeMap<&'static str, Origin>,
}

impl Layers {
    fn add(&mut self, assignments: &[Assignment]) -> Result<(), ConfigError> {
        for Assignment { name, value, origin } in assignments {
            let name = self.values.give(name, value);
            let name = name.map_err(|error| ConfigError::at(origin.clone(), error))?;
            self.origins.insert(name, origin.clone());
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.values.check().map_err(|error| {
            let origin = error.settings().iter().find_map(|name| self.origins.get(name));
            ConfigError::at(origin.cloned().unwrap_or(Origin::Flag("--set")), error)
        })
    }

    /// Checks what instances are made of: the host's pool has no larger ones.
    fn check_room(&self, host: &Self) -> Result<(), ConfigError> {
        for (name, wanted, room) in [
            ("memory_max_bytes", self.values.memory_max_bytes, host.values.memory_max_bytes),
            ("table_elements_max", self.values.table_elements_max, host.values.table_elements_max),
        ] {
            if let Some(origin) = self.origins.get(name).filter(|_| wanted > room) {
                let given = host.origins.get(name);
                let given = given.map_or_else(|| "by default".into(), |at| format!("by {at}"));
                let error = format!(
                    "{name}={wanted} is more than the host has room for, which is {room} {given}: \
                     raise it at the top of the configuration file or by `--set {name}={wanted}`"
                );
                return Err(ConfigError::at(origin.clone(), error));
            }
        }
        Ok(())
    }
}

fn assignments(set: &[String]) -> Result<Vec<Assignment>, ConfigError> {
    let origin = Origin::Flag("--set");
    let assignment = |text: &String| {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| ConfigError::at(origin.clone(), SettingError::Form(text.clone())))?;
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        Ok(Assignment { name, value, origin: origin.clone() })
    };
    set.iter().map(assignment).collect()
}

/// The grants of the command line, whose stores' files are declared by it.
fn grants(
    flags: &Flags,
    stores: &mut BTreeMap<String, StoreConfig>,
) -> Result<Grants, ConfigError> {
    let mut grants = Grants::default();
    for text in &flags.env {
        let added =
            pair(text, "NAME=VALUE").and_then(|(name, value)| grants.add_variable(name, value));
        added.map_err(|error| ConfigError::at(Origin::Flag("--env"), error))?;
    }
    for text in &flags.dir {
        let added = pair(text, "GUEST=HOST")
            .and_then(|(guest, host)| grants.add_directory(guest, host.into()));
        added.map_err(|error| ConfigError::at(Origin::Flag("--dir"), error))?;
    }
    for host in &flags.http {
        grants.add_http(host).map_err(|error| ConfigError::at(Origin::Flag("--http"), error))?;
    }
    for text in &flags.key_value {
        let (name, file) = text.split_once('=').unzip();
        let name = name.unwrap_or(text);
        let added = grants.add_store(name);
        added.map_err(|error| ConfigError::at(Origin::Flag("--key-value"), error))?;
        if let Some(file) = file {
            stores.entry(name.to_owned()).or_default().path = Some(PathBuf::from(file));
        }
    }
    Ok(grants)
}

fn pair<'a>(text: &'a str, form: &str) -> Result<(&'a str, &'a str), String> {
    text.split_once('=').ok_or_else(|| format!("`{text}` is not of the form {form}"))
}

#[cfg(test)]
mod tests;
