//! `wshost check`: whether a plugin can be served, and what an instance costs.

mod cost;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;

use super::{host, plugin::PluginArguments, report::Report};
use crate::{
    capabilities::Granted,
    config::Configuration,
    hibernation::Layout,
    key_value::Stores,
    plugin::{Loader, Plugin},
    sandbox::{self, template::HANDLER},
};

/// Says whether a plugin can be served, and what an instance of it costs.
///
/// The plugin is loaded as `run` loads it, and its `init` is called with a
/// request for a WebSocket on `/`. Nothing listens, and what it logs is not shown.
/// It has what it is granted; of key-value stores empty ones in memory, whose files
/// are left alone.
/// A plugin that can't be served is one line on standard error, and status 1.
#[derive(Args)]
pub(super) struct Check {
    #[command(flatten)]
    plugin: PluginArguments,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// Where compiled code is kept between runs
    #[arg(long, value_name = "DIRECTORY")]
    cache: Option<String>,
}

impl Check {
    pub(super) fn run(self) -> Result<()> {
        let cache = self.cache.iter().map(|path| ("cache", vec![path.clone()]));
        let configuration = self.plugin.configuration(cache.collect())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("can't start the thread that runs the plugin")?;
        runtime.block_on(self.check(configuration))
    }

    async fn check(self, configuration: Configuration) -> Result<()> {
        let compiler = host::compiler(configuration.keys().cache.clone(), configuration.host())?;
        let engine = sandbox::engine(configuration.host())?;
        let stores = Stores::in_memory(configuration.stores(), configuration.host());
        let loader = Loader { engine, compiler, configuration, stores, metrics: Arc::default() };
        let plugin = loader.load(&self.plugin.plugin).await?;
        let mut report = Report::default();
        describe(&mut report, &plugin);
        cost::measure(&mut report, &plugin.template, &plugin.tenant.config).await?;
        report.print(self.json)
    }
}

/// What it is.
fn describe(report: &mut Report, plugin: &Plugin) {
    let facts = &plugin.facts;
    report.add("plugin", &*plugin.name);
    report.add("digest", &*plugin.digest);
    report.add("contract", HANDLER);
    report.add("imports_granted", &*facts.imports);
    let Granted { environment, directories, http, key_value } =
        plugin.tenant.capabilities.granted();
    report.add("environment", environment);
    report.add("directories", directories);
    report.add("http", http);
    report.add("key_value", key_value);
    report.add("file_bytes", facts.file_bytes);
    report.add("code_bytes", facts.code_bytes);
    report.add("core_modules", facts.core_modules);
    if let Some(layout) = &facts.layout {
        report.add("memories", layout.memories);
        report.add("mutable_globals", layout.globals);
    }
    let hibernates = plugin.template.can_hibernate();
    report.add("hibernates", hibernates.is_ok());
    let batches = |layout: &Layout| layout.batches && hibernates.is_ok();
    report.add("batch_in_one_call", facts.layout.as_ref().is_some_and(batches));
    if let Err(why) = hibernates {
        report.add("stays_awake_because", why.to_string());
    }
}
