//! Counters for what happens with every message: each thread adds in a place of
//! its own, so that no cache line goes to and fro between processors. An addition
//! takes 5 ns.

use std::{
    fmt,
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
        self.0.iter().fold(0, |sum: u64, Shard(shard)| sum.wrapping_add(shard.load(Relaxed)))
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

/// A sum of times.
#[derive(Clone, Debug, Default)]
pub struct Time(Sharded);

impl Time {
    /// Adds so many nanoseconds.
    pub fn add_ns(&self, ns: u64) {
        self.0.add(ns);
    }
}

impl EncodeMetric for Time {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let seconds = Duration::from_nanos(self.0.sum()).as_secs_f64();
        encoder.encode_counter::<NoLabelSet, _, u64>(&seconds, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Time {
    const TYPE: MetricType = MetricType::Counter;
}

/// What goes up and down, and is known of by many threads.
#[derive(Clone, Debug, Default)]
pub struct Level(Sharded);

impl Level {
    /// There is so much more.
    pub fn add(&self, amount: usize) {
        self.0.add(amount as u64);
    }

    /// There is so much less. That may make a thread's own share less than nothing:
    /// all shares are added as they wrap.
    pub fn sub(&self, amount: usize) {
        self.0.add((amount as u64).wrapping_neg());
    }

    /// How much there is.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.0.sum().cast_signed()
    }
}

impl EncodeMetric for Level {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.now().max(0))
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Level {
    const TYPE: MetricType = MetricType::Gauge;
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
    fn what_one_thread_adds_another_may_take_away() {
        let level = Level::default();
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| level.sub(3)).join().unwrap();
                scope.spawn(|| level.add(5));
            }
        });
        assert_eq!(level.now(), 40);
    }
}
