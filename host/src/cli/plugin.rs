//! The arguments of the commands that run a plugin.

use std::path::PathBuf;

use clap::Args;

use crate::config::{ConfigError, Configuration, Flags, Sources};

/// A plugin, and what it is given.
#[derive(Args)]
pub(super) struct PluginArguments {
    /// The handler: a component that exports wshost:handler/handler
    pub(super) plugin: PathBuf,
    #[command(flatten)]
    given: Given,
}

/// What a plugin is given.
#[derive(Args)]
pub(super) struct Given {
    /// Where the host listens, settings, key-value stores, and what plugins are granted
    /// (TOML); docs/configuration.md says how. NAME.toml beside NAME.wasm is read too
    #[arg(long, value_name = "FILE", env = "WSHOST_CONFIG")]
    config: Option<PathBuf>,
    /// Changes a setting; `wshost run --help` lists them
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// Grants an environment variable; may be repeated, as all grants may be
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Grants a directory, to be read: where the guest finds it, and where it is
    #[arg(long, value_name = "GUEST=HOST")]
    dir: Vec<String>,
    /// Grants HTTP requests to a host, as in api.example.com, *.example.com or
    /// [::1]:8080
    #[arg(long, value_name = "HOST[:PORT]")]
    http: Vec<String>,
    /// Grants a key-value store, in a file or else in memory
    #[arg(long, value_name = "NAME[=FILE]")]
    key_value: Vec<String>,
}

impl PluginArguments {
    /// All that was given, with these options of the `[host]` table.
    pub(super) fn configuration(
        &self,
        host: Vec<(&'static str, Vec<String>)>,
    ) -> Result<Configuration, ConfigError> {
        Configuration::read(self.given.sources(host)?)
    }
}

impl Given {
    /// Where all that was given comes from, with these options of the `[host]` table.
    pub(super) fn sources(
        &self,
        host: Vec<(&'static str, Vec<String>)>,
    ) -> Result<Sources, ConfigError> {
        let Self { set, env, dir, http, key_value, .. } = self;
        let flags = Flags {
            host,
            set: set.clone(),
            env: env.clone(),
            dir: dir.clone(),
            http: http.clone(),
            key_value: key_value.clone(),
        };
        Sources::of_process(self.config.clone(), flags)
    }
}
