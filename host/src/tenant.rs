//! A plugin as a tenant of the host: what it may use, and the count of what it
//! did. Whatever acts on a plugin's behalf has it.

use std::sync::Arc;

use crate::{
    config::Config,
    observe::{Metrics, Seldom, metrics::PluginMetrics},
};

/// See the module.
#[derive(Debug)]
pub struct Tenant {
    /// The plugin's name.
    pub name: Arc<str>,
    /// Its settings.
    pub config: Arc<Config>,
    /// What it did.
    pub metrics: PluginMetrics,
    limit_said: Seldom,
}

impl Tenant {
    /// A plugin of this name.
    #[must_use]
    pub fn new(name: Arc<str>, config: Arc<Config>, metrics: &Metrics) -> Arc<Self> {
        let metrics = metrics.plugin(&name);
        Arc::new(Self { name, config, metrics, limit_said: Seldom::default() })
    }

    /// Something was refused because of a limit, by the setting's name: it is
    /// counted, and logged at most once a second.
    pub fn limit(&self, setting: &str) {
        self.metrics.limit(setting);
        if let Some(others) = self.limit_said.say() {
            tracing::warn!(plugin = %self.name, limit = setting, others, "a limit was hit");
        }
    }
}
