//! `wshost serve`: a directory of plugins.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::{
    host,
    options::{HostOptions, PLUGINS},
    run,
};
use crate::{
    config::{Configuration, Flags, Sources},
    deploy::Deployments,
};

/// Serves the plugins in a directory, as they come, change and go: NAME.wasm on
/// /NAME and below, or on the routes that its configuration gives it.
#[derive(Args)]
#[command(after_long_help = run::settings_help())]
pub(super) struct Serve {
    #[command(flatten)]
    directory: DirectoryArguments,
    #[command(flatten)]
    host: HostOptions,
}

/// A directory of plugins, and what is said of them.
#[derive(Args)]
pub(super) struct DirectoryArguments {
    /// Where the host listens, settings, key-value stores, and what plugins are granted
    /// (TOML); docs/configuration.md says how. NAME.toml beside NAME.wasm is read too
    #[arg(long, value_name = "FILE", env = "WSHOST_CONFIG")]
    config: Option<PathBuf>,
    /// Where the plugins are [default: plugins]
    #[arg(long, value_name = "DIRECTORY")]
    plugins: Option<String>,
    /// Changes a setting; `wshost serve --help` lists them
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
}

impl DirectoryArguments {
    /// All that was given, with these options of the `[host]` table.
    pub(super) fn configuration(self, host: HostOptions) -> Result<Configuration> {
        let HostOptions(mut host) = host;
        host.extend(self.plugins.map(|path| (PLUGINS, vec![path])));
        let flags = Flags { host, set: self.set, ..Flags::default() };
        Ok(Configuration::read(Sources::of_process(self.config, flags)?)?)
    }
}

impl Serve {
    pub(super) fn run(self) -> Result<()> {
        let configuration = self.directory.configuration(self.host)?;
        let plugins = configuration.keys().plugins.clone();
        host::run(configuration, move |loader, sites| {
            Deployments::of_directory(&plugins, loader, sites)
        })
    }
}
