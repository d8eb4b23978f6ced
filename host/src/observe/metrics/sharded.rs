//! Counters for what happens with every message: each thread adds in a place of
//! its own, so that no cache line goes to and fro between processors, and, as nobody
//! else adds there, without locking one.

use std::{
    array,
    cell::Cell,
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

/// Places of which each is one thread's alone: the first that add.
const ALONE: usize = 8;
/// Places that other threads share.
const SHARED: usize = 8;

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// No place: a thread that has not added yet.
const NONE: usize = usize::MAX;

thread_local! {
    static OWN: Cell<usize> = const { Cell::new(NONE) };
}

/// The place of this thread: the first threads have each their own, and others share
/// those behind. It is less than 16.
#[must_use]
pub fn thread_place() -> usize {
    let own = OWN.get();
    if own == NONE { take_place() } else { own }
}

#[cold]
fn take_place() -> usize {
    let thread = THREADS.fetch_add(1, Relaxed);
    let own = if thread < ALONE { thread } else { ALONE + thread % SHARED };
    OWN.set(own);
    own
}

/// A few counters that many threads add to, mostly together.
#[derive(Clone, Debug)]
pub struct Sharded<const N: usize = 1>(Arc<[Shard<N>; ALONE + SHARED]>);

#[derive(Debug)]
#[repr(align(64))]
struct Shard<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Sharded<N> {
    fn default() -> Self {
        let shard = |_| Shard(array::from_fn(|_| AtomicU64::new(0)));
        Self(Arc::new(array::from_fn(shard)))
    }
}

impl<const N: usize> Sharded<N> {
    /// Adds to these of them.
    pub(super) fn add_to<const K: usize>(&self, adds: [(usize, u64); K]) {
        let place = thread_place();
        let Shard(counters) = &self.0[place];
        for (index, count) in adds {
            let counter = &counters[index];
            if place < ALONE {
                counter.store(counter.load(Relaxed).wrapping_add(count), Relaxed);
            } else {
                counter.fetch_add(count, Relaxed);
            }
        }
    }

    /// What was added to one of them so far.
    pub(super) fn sum_of(&self, index: usize) -> u64 {
        let shards = self.0.iter().map(|Shard(counters)| counters[index].load(Relaxed));
        shards.fold(0, u64::wrapping_add)
    }
}

impl Sharded {
    /// Adds.
    pub fn add(&self, count: u64) {
        self.add_to([(0, count)]);
    }

    /// What was added so far.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum_of(0)
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
                scope.spawn(|| (0..1_000).for_each(|_| counter.add(3)));
            }
        });
        assert_eq!(counter.sum(), 60_000);
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
