//! What a plugin is granted beside what all are.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::http_host::HttpHost;

/// What a plugin is granted beside the contract, clocks, randomness and the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Directories of the host's by the guest's paths, to be read.
    pub directories: BTreeMap<String, PathBuf>,
    /// Hosts that HTTP requests may be sent to.
    pub http: BTreeSet<HttpHost>,
    /// Key-value stores: those that are declared under `stores`, or else its own.
    pub key_value: BTreeSet<String>,
}

/// A key-value store that is declared, so that several plugins may share it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreConfig {
    /// Its file. None: it is in memory.
    pub path: Option<PathBuf>,
    /// How large it may get. None: `key_value_max_bytes` of the host.
    pub max_bytes: Option<u64>,
}

impl Grants {
    /// The names of the grants, as they stand in files.
    pub(super) const NAMES: [&str; 4] = ["environment", "directories", "http", "key_value"];

    /// Adds those that were given later: of the same name, they win.
    pub(super) fn add(&mut self, later: &Self) {
        let Self { environment, directories, http, key_value } = later.clone();
        self.environment.extend(environment);
        self.directories.extend(directories);
        self.http.extend(http);
        self.key_value.extend(key_value);
    }

    pub(super) fn add_variable(&mut self, name: &str, value: &str) -> Result<(), String> {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(format!("`{name}` is no name of a variable, or its value is none"));
        }
        self.environment.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    pub(super) fn add_directory(&mut self, guest: &str, host: PathBuf) -> Result<(), String> {
        if !guest.starts_with('/') || guest.contains('\0') {
            return Err(format!("`{guest}` is no path for a guest: begin it with `/`"));
        }
        self.directories.insert(guest.to_owned(), host);
        Ok(())
    }

    pub(super) fn add_http(&mut self, host: &str) -> Result<(), String> {
        self.http.insert(host.parse()?);
        Ok(())
    }

    pub(super) fn add_store(&mut self, name: &str) -> Result<(), String> {
        store_name(name)?;
        self.key_value.insert(name.to_owned());
        Ok(())
    }
}

/// Checks a store's name.
pub(super) fn store_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(char::is_control) {
        return Err(format!("{name:?} is no name for a key-value store"));
    }
    Ok(())
}
