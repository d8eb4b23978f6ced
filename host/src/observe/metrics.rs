//! What is counted, by the names that Prometheus knows it by.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// Everything that is counted in the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    limits: Family<LimitLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    plugin: Arc<str>,
    limit: String,
}

/// What is counted of one plugin.
#[derive(Debug)]
pub struct PluginMetrics {
    name: Arc<str>,
    limits: Family<LimitLabels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("wshost");
        let limits = Family::default();
        registry.register("limits_hit", "What limits refused, by setting", limits.clone());
        Self { registry: Mutex::new(registry), limits }
    }
}

impl Metrics {
    /// Those of one plugin.
    #[must_use]
    pub fn plugin(&self, name: &Arc<str>) -> PluginMetrics {
        PluginMetrics { name: name.clone(), limits: self.limits.clone() }
    }

    /// All of them, as Prometheus reads them.
    ///
    /// # Errors
    /// None that can happen while a text is written.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }
}

impl PluginMetrics {
    /// A limit refused something, by the setting's name.
    pub fn limit(&self, setting: &str) {
        let labels = LimitLabels { plugin: self.name.clone(), limit: setting.to_owned() };
        self.limits.get_or_create(&labels).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_counted_by_plugin_and_setting() {
        let metrics = Metrics::default();
        metrics.plugin(&"chat".into()).limit("timers_max");
        let line = "wshost_limits_hit_total{plugin=\"chat\",limit=\"timers_max\"} 1\n";
        assert!(metrics.text().unwrap().contains(line));
    }
}
