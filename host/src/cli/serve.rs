//! `wshost serve`: a directory of plugins.

use std::{path::PathBuf, sync::Arc};

use anyhow::Result;
use clap::Args;

use super::{host::HostArguments, run};
use crate::{
    config::{Configuration, Flags},
    deploy::Directory,
    plugin::Loader,
    server::Sites,
};

/// Serves the plugins in a directory, as they come, change and go: NAME.wasm on
/// /NAME and below, or on the routes that its configuration gives it.
#[derive(Args)]
#[command(after_long_help = run::settings_help())]
pub(super) struct Serve {
    /// Settings, key-value stores, and what plugins are granted (TOML);
    /// docs/configuration.md says how. NAME.toml beside NAME.wasm is read too
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the plugins are
    #[arg(long, value_name = "DIRECTORY", default_value = "plugins")]
    plugins: PathBuf,
    /// Changes a setting; --help lists them
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    host: HostArguments,
}

impl Serve {
    pub(super) fn run(self) -> Result<()> {
        let Self { config, plugins, set, host } = self;
        let flags = Flags { set, ..Flags::default() };
        let configuration = Configuration::read(config.as_deref(), &flags)?;
        host.run(configuration, async move |loader: Loader, sites: Arc<Sites>| {
            let mut directory = Directory::open(&plugins, loader, sites)?;
            directory.load().await;
            Ok(directory.watch())
        })
    }
}
