//! `wshost run`: one plugin on every path.

use std::{future::pending, sync::Arc};

use anyhow::Result;
use clap::Args;

use super::{
    host::{HostArguments, say_bounds},
    plugin::PluginArguments,
};
use crate::{
    config::settings,
    plugin::{Loader, Plugin},
    server::{Sites, routes::Pattern},
};

/// Serves a plugin on every path.
#[derive(Args)]
#[command(after_long_help = settings_help())]
pub(super) struct Run {
    #[command(flatten)]
    plugin: PluginArguments,
    #[command(flatten)]
    host: HostArguments,
}

impl Run {
    pub(super) fn run(self) -> Result<()> {
        let Self { plugin, host } = self;
        let configuration = plugin.configuration()?;
        host.run(configuration, async move |loader: Loader, sites: Arc<Sites>| {
            tracing::info!("loading {}", plugin.plugin.display());
            let plugin = loader.load(&plugin.plugin).await?;
            loaded(&plugin);
            say_bounds(&plugin.tenant.config);
            sites.deploy(plugin, &[Pattern::everything()])?;
            Ok(pending())
        })
    }
}

/// A line for the operator, and one where there is something to know.
pub(super) fn loaded(plugin: &Plugin) {
    tracing::info!(plugin = %plugin.name, digest = %plugin.digest, "plugin loaded");
    if let Err(why) = plugin.template.can_hibernate() {
        tracing::warn!(plugin = %plugin.name,
            "its instances can't hibernate, so there are instances_max connections at most: {why}");
    }
}

/// What each setting is.
pub(super) fn settings_help() -> String {
    let mut help = String::from("Settings, with their defaults:\n");
    for setting in settings() {
        help += &format!("\n  {}={}\n", setting.name, setting.default);
        for line in setting.doc.lines() {
            help += &format!("          {}\n", line.trim());
        }
        help += &format!("          Takes {}.\n", setting.expected);
    }
    help
}
