//! What is known elsewhere, and looked up when somebody reads the metrics.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};

/// Whether a number only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It does.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A number, and how to read it.
pub(super) struct Watched {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) read: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Collector for Watched {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let value = (self.read)();
        match self.kind {
            Kind::Counter => encoder
                .encode_descriptor(self.name, self.help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, u64>(&value, None),
            Kind::Gauge => encoder
                .encode_descriptor(self.name, self.help, None, MetricType::Gauge)?
                .encode_gauge(&value),
        }
    }
}
