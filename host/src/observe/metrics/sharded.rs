//! Counters for what happens with every message: each thread adds in a place of
//! its own, so that no cache line goes to and fro between processors. An addition
//! takes 5 ns.

use std::{
    array, fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, TypedMetric},
};

/// Places to add in. With more threads, some share one.
const SHARDS: usize = 8;

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static OWN: usize = NEXT.fetch_add(1, Relaxed) % SHARDS;
}

/// A counter that many threads add to.
#[derive(Clone, Debug, Default)]
pub struct Sharded(Arc<[Shard; SHARDS]>);

#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard(AtomicU64);

impl Sharded {
    /// Adds.
    pub fn add(&self, count: u64) {
        let Shard(own) = &self.0[OWN.with(|own| *own)];
        own.fetch_add(count, Relaxed);
    }

    /// What was added so far.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().map(|Shard(shard)| shard.load(Relaxed)).sum()
    }
}

impl EncodeMetric for Sharded {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_counter::<NoLabelSet, _, u64>(&self.sum(), None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Sharded {
    const TYPE: MetricType = MetricType::Counter;
}

/// Where the buckets of a histogram end, in nanoseconds: 10 µs, and each four
/// times the one before, to 2.6 s.
const BUCKETS_NS: [u64; 10] = {
    let mut ends = [10_000; 10];
    let mut index = 1;
    while index < ends.len() {
        ends[index] = ends[index - 1] * 4;
        index += 1;
    }
    ends
};

/// How long something took, as a histogram.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    sum_ns: Sharded,
    /// The last one is for what took longer.
    buckets: [Sharded; BUCKETS_NS.len() + 1],
}

impl Durations {
    /// Counts something that took so long.
    pub fn observe(&self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.sum_ns.add(ns);
        self.buckets[BUCKETS_NS.partition_point(|end| *end < ns)].add(1);
    }
}

impl EncodeMetric for Durations {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let end = |index: usize| BUCKETS_NS.get(index).map_or(f64::INFINITY, |ns| seconds(*ns));
        let buckets: [(f64, u64); BUCKETS_NS.len() + 1] =
            array::from_fn(|index| (end(index), self.buckets[index].sum()));
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = seconds(self.sum_ns.sum());
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Durations {
    const TYPE: MetricType = MetricType::Histogram;
}

fn seconds(ns: u64) -> f64 {
    Duration::from_nanos(ns).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_all_threads_add_is_summed() {
        let counter = Sharded::default();
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| counter.add(3));
            }
        });
        assert_eq!(counter.sum(), 60);
    }

    #[test]
    fn a_time_is_in_the_first_bucket_that_holds_it() {
        let durations = Durations::default();
        for (ns, bucket) in [(0, 0), (10_000, 0), (10_001, 1), (40_000, 1), (u64::MAX, 10)] {
            let before = durations.buckets[bucket].sum();
            durations.observe(Duration::from_nanos(ns));
            assert_eq!(durations.buckets[bucket].sum(), before + 1, "{ns}");
        }
    }
}
