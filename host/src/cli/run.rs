//! `wshost run`: one plugin on every path.

use anyhow::Result;
use clap::Args;

use super::{host, options::HostOptions, plugin::PluginArguments};
use crate::{config::settings, deploy::Deployments};

/// Serves a plugin on every path.
#[derive(Args)]
#[command(after_long_help = settings_help())]
pub(super) struct Run {
    #[command(flatten)]
    plugin: PluginArguments,
    #[command(flatten)]
    host: HostOptions,
}

impl Run {
    pub(super) fn run(self) -> Result<()> {
        let Self { plugin, host: HostOptions(host) } = self;
        host::run(plugin.configuration(host)?, move |loader, sites| {
            Ok(Deployments::of_file(plugin.plugin, loader, sites))
        })
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
