//! What a plugin is granted, made ready for its instances.
//!
//! Nothing is ambient: a plugin has the contract, clocks, randomness and the log,
//! and of everything else what stands here.

mod directories;
mod http;

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use thiserror::Error;

pub use directories::Directory;
pub use http::{Http, trusting_the_system};

use crate::{
    config::PluginConfig,
    key_value::{Store, Stores},
};

/// See the module.
#[derive(Debug, Default)]
pub struct Capabilities {
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Directories, to be read.
    pub directories: Vec<Directory>,
    /// HTTP requests. None: no host is granted.
    pub http: Option<Http>,
    /// Key-value stores by their names.
    pub stores: BTreeMap<String, Arc<Store>>,
}

/// What a plugin is granted, by name: values may be secret.
#[derive(Debug, Serialize)]
pub struct Granted {
    /// Environment variables.
    pub environment: Vec<String>,
    /// Directories, as the guest sees them.
    pub directories: Vec<String>,
    /// Hosts that HTTP requests may be sent to.
    pub http: Vec<String>,
    /// Key-value stores.
    pub key_value: Vec<String>,
}

/// What is granted can't be had.
#[derive(Debug, Error)]
pub enum CapabilityError {
    /// A directory can't be opened.
    #[error("can't open the directory {} that is granted as `{guest}`: {error}", path.display())]
    Directory {
        /// The guest's path.
        guest: String,
        /// The host's.
        path: std::path::PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// TLS can't be had.
    #[error("can't speak TLS: {0}")]
    Tls(tokio_rustls::rustls::Error),
}

impl Capabilities {
    /// Opens what a plugin is granted.
    ///
    /// # Errors
    /// A directory that is not there.
    pub fn open(
        plugin: &Arc<str>,
        config: &PluginConfig,
        stores: &Stores,
    ) -> Result<Self, CapabilityError> {
        let PluginConfig { settings, grants, .. } = config;
        let directories = grants.directories.iter();
        let directories = directories.map(|(guest, path)| Directory::open(guest, path));
        let http = (!grants.http.is_empty()).then(|| Http::new(plugin, &grants.http, settings));
        Ok(Self {
            environment: grants.environment.clone().into_iter().collect(),
            directories: directories.collect::<Result<_, _>>()?,
            http: http.transpose()?,
            stores: stores.of(plugin, &grants.key_value, settings),
        })
    }

    /// What it is, by name.
    #[must_use]
    pub fn granted(&self) -> Granted {
        let names = |(name, _): &(String, String)| name.clone();
        let hosts = self.http.iter().flat_map(Http::hosts);
        Granted {
            environment: self.environment.iter().map(names).collect(),
            directories: self.directories.iter().map(|dir| dir.guest.clone()).collect(),
            http: hosts.map(ToString::to_string).collect(),
            key_value: self.stores.keys().cloned().collect(),
        }
    }
}
