//! What the threads do that serve connections.

use std::{fmt, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};
use tokio::runtime::Handle;

/// See the module.
#[derive(Debug)]
pub(super) struct IoThreads(pub(super) Handle);

impl Collector for IoThreads {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let runtime = self.0.metrics();
        let threads = runtime.num_workers();
        let busy: Duration = (0..threads).map(|n| runtime.worker_total_busy_duration(n)).sum();
        let help = "The time that all threads which serve connections were busy, in seconds";
        encoder
            .encode_descriptor("io_busy_seconds", help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&busy.as_secs_f64(), None)?;
        let gauges = [
            ("io_threads", "Threads that serve connections", threads),
            ("tasks", "Tasks: one for each connection, and some more", runtime.num_alive_tasks()),
        ];
        for (name, help, value) in gauges {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&(value as u64))?;
        }
        Ok(())
    }
}
