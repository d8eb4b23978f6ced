//! How long things took, as a histogram.

use std::time::Duration;

use hdrhistogram::Histogram;

/// What is longer counts as this long.
const LONGEST: Duration = Duration::from_secs(100);
/// Of three digits every value is exact, of more the first three.
const DIGITS: u8 = 3;

/// Times from a nanosecond to [`LONGEST`].
#[derive(Clone, Debug)]
pub(super) struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        let longest = u64::try_from(LONGEST.as_nanos()).unwrap_or(u64::MAX);
        Self(Histogram::new_with_max(longest, DIGITS).expect("the bounds make sense"))
    }
}

impl Latency {
    /// Counts one time for `count` things.
    pub(super) fn record(&mut self, time: Duration, count: u64) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record_n(ns.max(1), count);
    }

    /// Takes in those of another.
    pub(super) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    /// So much of all (0.99 is the 99th percentile) took at most this many
    /// microseconds; 1 gives the longest. None: nothing was recorded.
    pub(super) fn quantile_us(&self, quantile: f64) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.value_at_quantile(quantile) as f64 / 1000.0)
    }
}
