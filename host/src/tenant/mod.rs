//! A plugin as a tenant of the host: what it may use, and the count of what it
//! did. Whatever acts on a plugin's behalf has it.

mod total;

use std::sync::{Arc, Mutex, PoisonError};

pub use self::total::{Share, Total, Totals};
use crate::{
    capabilities::Capabilities,
    config::Config,
    messaging::Rules,
    observe::{
        Budget, GuestTarget, Metrics, Seldom,
        metrics::{self, HasTotals, PluginMetrics},
    },
};

/// See the module.
#[derive(Debug)]
pub struct Tenant {
    /// The plugin's name.
    pub name: Arc<str>,
    /// Its settings.
    pub config: Arc<Config>,
    /// What it is granted.
    pub capabilities: Capabilities,
    /// Which of its topics have a history.
    pub history: Rules,
    /// What it did.
    pub metrics: PluginMetrics,
    /// What its connections have together.
    pub totals: Totals,
    /// What its guests' lines are written to.
    pub guest_target: &'static GuestTarget,
    limit_said: Seldom,
    log_lines: Mutex<Budget>,
    failure_lines: Mutex<Budget>,
}

impl Tenant {
    /// A plugin of this name.
    #[must_use]
    pub fn new(
        name: Arc<str>,
        config: Arc<Config>,
        capabilities: Capabilities,
        history: Rules,
        metrics: &Metrics,
    ) -> Arc<Self> {
        let tenant = Arc::new(Self {
            metrics: metrics.plugin(&name),
            totals: Totals::new(&config),
            guest_target: GuestTarget::of(&name),
            limit_said: Seldom::default(),
            log_lines: Mutex::default(),
            failure_lines: Mutex::default(),
            name,
            config,
            capabilities,
            history,
        });
        metrics.watch_plugin(Arc::downgrade(&tenant) as _);
        tenant
    }

    /// One with these settings, which is granted nothing.
    #[cfg(test)]
    pub(crate) fn test(config: Config) -> Arc<Self> {
        Self::test_with(config, Capabilities::default())
    }

    /// One with these settings and capabilities.
    #[cfg(test)]
    pub(crate) fn test_with(config: Config, capabilities: Capabilities) -> Arc<Self> {
        let metrics = Metrics::default();
        Self::new("test".into(), Arc::new(config), capabilities, Rules::default(), &metrics)
    }

    /// One with these settings, whose topics have a history by these rules.
    #[cfg(test)]
    pub(crate) fn test_with_history(config: Config, history: Rules) -> Arc<Self> {
        let (metrics, capabilities) = (Metrics::default(), Capabilities::default());
        Self::new("test".into(), Arc::new(config), capabilities, history, &metrics)
    }

    /// Something was refused because of a limit, by the setting's name: it is
    /// counted, and logged at most once a second.
    pub fn limit(&self, setting: &str) {
        self.metrics.by_label.limit(setting);
        if let Some(others) = self.limit_said.say() {
            tracing::warn!(plugin = %self.name, limit = setting, others, "a limit was hit");
        }
    }

    /// Takes one line of those that its connections may log this second. Returns how
    /// many were refused since the last; none: this one is refused.
    pub fn take_log_line(&self) -> Option<u64> {
        let mut lines = self.log_lines.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = lines.take(self.config.plugin_log_lines_max_per_second);
        if taken.is_none() {
            self.metrics.by_label.limit("plugin_log_lines_max_per_second");
        }
        taken
    }

    /// A handler failed, for this reason. If that is to be logged, returns how many
    /// were not since the last one that was: peers can make handlers fail as often
    /// as they like.
    pub fn failure(&self, reason: &'static str) -> Option<u64> {
        self.metrics.by_label.failure(reason);
        let mut lines = self.failure_lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.take(self.config.failure_lines_max_per_second)
    }
}

impl HasTotals for Tenant {
    fn plugin(&self) -> &Arc<str> {
        &self.name
    }

    fn totals(&self) -> Vec<metrics::Total> {
        self.totals.told()
    }
}
