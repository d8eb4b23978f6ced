//! Histograms of what happens often.

use std::{array, fmt, marker::PhantomData, time::Duration};

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, TypedMetric},
};

use super::sharded::Sharded;

/// Buckets of a histogram that have an end.
const BUCKETS: usize = 10;
/// Behind the bucket without an end.
const SUM: usize = BUCKETS + 1;

/// What a histogram is of: whole numbers of something small.
pub trait Scale: fmt::Debug + Default {
    /// Where the first bucket ends. Each other ends at four times the one before.
    const FIRST: u64;
    /// How many of them are one of what is told.
    const PER_UNIT: f64;
}

/// Times, from 10 µs to 2.6 s.
#[derive(Clone, Debug, Default)]
pub struct Nanoseconds;

impl Scale for Nanoseconds {
    const FIRST: u64 = 10_000;
    const PER_UNIT: f64 = 1e9;
}

/// Sizes, from 64 bytes to 16 MiB.
#[derive(Clone, Debug, Default)]
pub struct Bytes;

impl Scale for Bytes {
    const FIRST: u64 = 64;
    const PER_UNIT: f64 = 1.0;
}

/// How often which values were observed.
#[derive(Clone, Debug, Default)]
pub struct Histogram<S> {
    /// Of each bucket, the last one being for what is more; and behind them the sum.
    counters: Sharded<{ SUM + 1 }>,
    scale: PhantomData<S>,
}

/// How long something took.
pub type Durations = Histogram<Nanoseconds>;
/// How large something was.
pub type Sizes = Histogram<Bytes>;

impl<S: Scale> Histogram<S> {
    const ENDS: [u64; BUCKETS] = {
        let mut ends = [S::FIRST; BUCKETS];
        let mut index = 1;
        while index < BUCKETS {
            ends[index] = ends[index - 1] * 4;
            index += 1;
        }
        ends
    };

    fn add(&self, value: u64) {
        let bucket = Self::ENDS.partition_point(|end| *end < value);
        self.counters.add_to([(bucket, 1), (SUM, value)]);
    }
}

impl Durations {
    /// Counts something that took so long.
    pub fn observe(&self, time: Duration) {
        self.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }
}

impl Sizes {
    /// Counts something of so many bytes.
    pub fn observe(&self, bytes: usize) {
        self.add(bytes as u64);
    }
}

impl<S: Scale> EncodeMetric for Histogram<S> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let told = |value: u64| value as f64 / S::PER_UNIT;
        let end = |index: usize| Self::ENDS.get(index).map_or(f64::INFINITY, |end| told(*end));
        let buckets: [(f64, u64); BUCKETS + 1] =
            array::from_fn(|index| (end(index), self.counters.sum_of(index)));
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(
            told(self.counters.sum_of(SUM)),
            count,
            &buckets,
            None,
        )
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl<S: Scale> TypedMetric for Histogram<S> {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_first_bucket_that_holds_it() {
        let durations = Durations::default();
        for (ns, bucket) in [(0, 0), (10_000, 0), (10_001, 1), (40_000, 1), (u64::MAX, 10)] {
            let before = durations.counters.sum_of(bucket);
            durations.observe(Duration::from_nanos(ns));
            assert_eq!(durations.counters.sum_of(bucket), before + 1, "{ns}");
        }
    }

    #[test]
    fn sizes_go_as_far_as_snapshots_do() {
        assert_eq!(Sizes::ENDS[BUCKETS - 1], 16 * 1024 * 1024);
    }
}
