//! What is counted, by the names that Prometheus knows it by.
//!
//! Whoever acts for a plugin has its [`PluginMetrics`]. What is known elsewhere
//! anyway is not counted twice, but looked up when somebody reads the metrics
//! ([`Metrics::watch`]).

mod connections;
mod format;
mod histogram;
mod plugin;
mod process;
mod runtime;
mod sharded;
mod spans;
mod totals;
mod watched;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::text::{encode, encode_registry},
    metrics::{counter::Counter, info::Info},
    registry::Registry,
};
use tokio::runtime::Handle;

pub use self::{
    connections::{Connections, InState},
    format::Format,
    histogram::{Durations, Histogram, Scale, Sizes},
    plugin::{ByLabel, Direction, PluginMetrics, RequestResult},
    sharded::{Level, Sharded, Time, thread_place},
    spans::Spans,
    totals::{HasTotals, Total},
    watched::Kind,
};
use self::{
    plugin::Families, process::Process, runtime::IoThreads, totals::AllTotals, watched::Watched,
};

/// Everything that is counted in the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    /// What others than this program have as well, and its names.
    process: Registry,
    families: Families,
    totals: AllTotals,
    /// Sockets that were accepted.
    pub accepted: Counter,
    /// Attempts to accept a socket that failed: mostly for want of file descriptors.
    pub accept_errors: Counter,
    compiles: Counter,
    compile_seconds: Counter<f64, AtomicU64>,
    compile_cache_hits: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("wshost");
        let families = Families::default();
        families.register(&mut registry);
        let (accepted, accept_errors) = (Counter::default(), Counter::default());
        registry.register("sockets_accepted", "Sockets that were accepted", accepted.clone());
        registry.register(
            "accept_errors",
            "Attempts to accept a socket that failed",
            accept_errors.clone(),
        );
        let compiles = Counter::default();
        registry.register("compiles", "Plugins that were compiled", compiles.clone());
        let compile_seconds = Counter::default();
        let help = "The time it took to compile plugins, in seconds";
        registry.register("compile_seconds", help, compile_seconds.clone());
        let compile_cache_hits = Counter::default();
        let help = "Plugins that were found compiled in the cache";
        registry.register("compile_cache_hits", help, compile_cache_hits.clone());
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "What this program is", Info::new(version));
        let totals = AllTotals::default();
        registry.register_collector(Box::new(totals.clone()));
        let mut process = Registry::default();
        process.register_collector(Box::new(Process::started()));
        Self {
            registry: Mutex::new(registry),
            process,
            families,
            totals,
            accepted,
            accept_errors,
            compiles,
            compile_seconds,
            compile_cache_hits,
        }
    }
}

impl Metrics {
    /// Those of one plugin.
    #[must_use]
    pub fn plugin(&self, name: &Arc<str>) -> PluginMetrics {
        PluginMetrics::new(name, self.families.clone())
    }

    /// Those of one plugin, or of what is none, that come to be with what they count.
    #[must_use]
    pub fn by_label(&self, name: &Arc<str>) -> ByLabel {
        ByLabel::new(name, self.families.clone())
    }

    /// Adds one that is looked up whenever the metrics are read.
    pub fn watch(
        &self,
        name: &'static str,
        help: &'static str,
        kind: Kind,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        let watched = Watched { name, help, kind, read: Box::new(read) };
        self.registry().register_collector(Box::new(watched));
    }

    /// Adds what a plugin has now, as long as it is there.
    pub fn watch_plugin(&self, plugin: Weak<dyn HasTotals>) {
        self.totals.add(plugin);
    }

    /// Adds what the threads do that serve connections.
    pub fn watch_runtime(&self, runtime: Handle) {
        self.registry().register_collector(Box::new(IoThreads(runtime)));
    }

    /// What becomes of spans, which is told from now on.
    pub fn spans(&self) -> Spans {
        let spans = Spans::default();
        spans.register(&mut self.registry());
        spans
    }

    /// A plugin was compiled.
    pub fn compiled(&self, took: Duration) {
        self.compiles.inc();
        self.compile_seconds.inc_by(took.as_secs_f64());
    }

    /// A plugin was found compiled.
    pub fn compile_cache_hit(&self) {
        self.compile_cache_hits.inc();
    }

    /// All of them, as text.
    ///
    /// # Errors
    /// None that can happen while a text is written.
    pub fn text(&self, format: Format) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.process)?;
        encode(&mut text, &self.registry())?;
        Ok(format.of_open_metrics(text))
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::Message;

    #[test]
    fn what_is_counted_is_named_by_plugin() {
        let metrics = Metrics::default();
        let chat = metrics.plugin(&"chat".into());
        chat.by_label.limit("timers_max");
        chat.by_label.request(RequestResult::NoRoom);
        chat.by_label.closed("peer", Some(1000));
        chat.by_label.failure("trap");
        chat.received.count(&Message::Text("hello".into()));
        chat.called("frames", Duration::from_micros(20));
        metrics.watch("snapshots", "Snapshots", Kind::Gauge, || 7);
        let _one = (chat.connections.enter(), chat.connections.opening());
        let text = metrics.text(Format::OpenMetrics).unwrap();
        for line in [
            r#"wshost_limits_hit_total{plugin="chat",limit="timers_max"} 1"#,
            r#"wshost_requests_total{plugin="chat",result="no_room"} 1"#,
            r#"wshost_websockets_closed_total{plugin="chat",side="peer",code="1000"} 1"#,
            r#"wshost_handler_failures_total{plugin="chat",reason="trap"} 1"#,
            r#"wshost_messages_total{plugin="chat",direction="received",kind="text"} 1"#,
            r#"wshost_message_bytes_total{plugin="chat",direction="received",kind="text"} 5"#,
            r#"wshost_callback_seconds_bucket{le="0.00004",plugin="chat",callback="frames"} 1"#,
            r#"wshost_callback_seconds_count{plugin="chat",callback="frames"} 1"#,
            "wshost_snapshots 7",
            r#"wshost_connections{plugin="chat",state="opening"} 1"#,
            r#"wshost_connections{plugin="chat",state="asleep"} 0"#,
            concat!("wshost_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line} is not in:\n{text}");
        }
    }
}
