//! The metrics that are looked up when somebody reads them.

use std::sync::Arc;

use crate::{
    connection::Shared,
    observe::{Metrics, metrics::Kind},
};

/// Adds what is known anyway to the metrics.
pub(super) fn watch(metrics: &Metrics, shared: &Arc<Shared>) {
    let gauge = |name, help, read: fn(&Shared) -> u64| {
        let shared = shared.clone();
        metrics.watch(name, help, Kind::Gauge, move || read(&shared));
    };
    gauge("places_taken", "What counts for connections_max", |shared| shared.places.taken() as u64);
    gauge("instances_free", "How many more instances may be awake", |shared| {
        shared.slots.counts().free as u64
    });
    gauge("instances_waited_for", "Connections that wait for an instance", |shared| {
        shared.slots.counts().waiting as u64
    });
    gauge("snapshots_in_memory", "Snapshots in memory", |shared| {
        shared.snapshots.stats().memory.snapshots as u64
    });
    gauge("snapshots_in_memory_bytes", "What they take", |shared| {
        shared.snapshots.stats().memory.bytes
    });
    gauge("snapshots_spilled", "Snapshots in the spill file", |shared| {
        shared.snapshots.stats().disk.snapshots as u64
    });
    gauge("snapshots_spilled_bytes", "What they take", |shared| {
        shared.snapshots.stats().disk.bytes
    });
    let dropped = shared.clone();
    let help = "Messages and published frames that found no room in a mailbox";
    metrics.watch("mail_dropped", help, Kind::Counter, move || dropped.hub.dropped());
}
