//! The metrics that are looked up when somebody reads them.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use tokio::runtime::Handle;

use crate::{
    cluster::{Cluster, Counts},
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
    if let Some(cluster) = &sites.common().cluster {
        watch_cluster(metrics, cluster);
    }
}

fn watch_cluster(metrics: &Metrics, cluster: &Arc<Cluster>) {
    let gauge = |name, help, read: fn(&Cluster) -> u64| {
        let cluster = cluster.clone();
        metrics.watch(name, help, Kind::Gauge, move || read(&cluster));
    };
    gauge("cluster_connected", "Whether NATS is there", |cluster| cluster.is_connected().into());
    gauge("cluster_nodes", "Other nodes", |cluster| cluster.nodes() as u64);
    let counter = |name, help, read: fn(&Counts) -> u64| {
        let cluster = cluster.clone();
        metrics.watch(name, help, Kind::Counter, move || read(cluster.counts()));
    };
    counter("cluster_sent", "Messages sent to NATS", |counts| counts.sent.load(Relaxed));
    counter("cluster_unsent", "Messages that could not be sent to NATS", |counts| {
        counts.unsent.load(Relaxed)
    });
    counter("cluster_received", "Messages had from NATS", |counts| counts.received.load(Relaxed));
    counter("cluster_unread", "Messages from NATS that were too many", |counts| {
        counts.unread.load(Relaxed)
    });
    counter("cluster_malformed", "Messages from NATS that make no sense", |counts| {
        counts.malformed.load(Relaxed)
    });
    counter("cluster_names_lost", "Names that other nodes had given to others", |counts| {
        counts.names_lost.load(Relaxed)
    });
}
