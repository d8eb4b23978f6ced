//! The metrics that are looked up when somebody reads them.

use tokio::runtime::Handle;

use crate::{
    observe::{Metrics, metrics::Kind},
    server::{Common, Sites},
};

/// Adds what is known anyway to the metrics.
pub(super) fn watch(metrics: &Metrics, sites: &Sites) {
    let gauge = |name, help, read: fn(&Common) -> u64| {
        let common = sites.common().clone();
        metrics.watch(name, help, Kind::Gauge, move || read(&common));
    };
    gauge("places_taken", "What counts for connections_max", |common| common.places.taken() as u64);
    gauge("instances_free", "How many more instances may be awake", |common| {
        common.slots.counts().free as u64
    });
    gauge("instances_waited_for", "Connections that wait for an instance", |common| {
        common.slots.counts().waiting as u64
    });
    gauge("snapshots_in_memory", "Snapshots in memory", |common| {
        common.snapshots.stats().memory.snapshots as u64
    });
    gauge("snapshots_in_memory_bytes", "What they take", |common| {
        common.snapshots.stats().memory.bytes
    });
    gauge("snapshots_spilled", "Snapshots in the spill file", |common| {
        common.snapshots.stats().disk.snapshots as u64
    });
    gauge("snapshots_spilled_bytes", "What they take", |common| {
        common.snapshots.stats().disk.bytes
    });
    metrics.watch_runtime(Handle::current());
}
