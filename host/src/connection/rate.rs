//! How much a peer may send in a second: a token bucket for frames and one for
//! bytes, each with room for what is allowed in a second.

use std::time::{Duration, Instant};

use crate::config::{Config, Limit};

const SECOND: Duration = Duration::from_secs(1);

/// What a peer has sent, where the settings limit it.
#[derive(Debug)]
pub(super) struct Rate {
    frames: Bucket,
    bytes: Bucket,
    resumes_at: Option<Instant>,
}

/// A token bucket, as the time when all that was taken will be paid for (the
/// generic cell rate algorithm).
#[derive(Debug)]
struct Bucket(Instant);

impl Rate {
    /// None where the settings limit nothing.
    pub(super) fn new(config: &Config) -> Option<Box<Self>> {
        let limits = [config.messages_max_per_second, config.bytes_max_per_second];
        let now = Instant::now();
        let rate = Self { frames: Bucket(now), bytes: Bucket(now), resumes_at: None };
        (limits != [Limit::Infinity; 2]).then(|| Box::new(rate))
    }

    /// Counts what was read. Returns the setting that it goes beyond, if any does:
    /// then [`Self::resumes_at`] says for how long.
    pub(super) fn take(
        &mut self,
        now: Instant,
        frames: u64,
        bytes: usize,
        config: &Config,
    ) -> Option<&'static str> {
        let frames = self.frames.take(now, frames, config.messages_max_per_second);
        let bytes = self.bytes.take(now, bytes as u64, config.bytes_max_per_second);
        self.resumes_at = frames.max(bytes);
        let setting =
            if frames >= bytes { "messages_max_per_second" } else { "bytes_max_per_second" };
        self.resumes_at.map(|_| setting)
    }

    /// When more may be read, if not now.
    pub(super) fn resumes_at(&self) -> Option<Instant> {
        self.resumes_at
    }

    /// The time has come.
    pub(super) fn resume(&mut self) {
        self.resumes_at = None;
    }
}

impl Bucket {
    /// When as much as was taken is allowed, if that is not now.
    fn take(&mut self, now: Instant, count: u64, limit: Limit) -> Option<Instant> {
        let max = limit.value()?;
        let nanos = u128::from(count) * SECOND.as_nanos() / u128::from(max);
        self.0 = self.0.max(now) + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.0.checked_sub(SECOND).filter(|allowed| *allowed > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(assignments: &[&str]) -> (Box<Rate>, Config) {
        let mut config = Config::default();
        assignments.iter().for_each(|assignment| config.set(assignment).unwrap());
        (Rate::new(&config).unwrap(), config)
    }

    #[test]
    fn a_seconds_worth_may_come_at_once_and_more_is_waited_for() {
        let (mut rate, config) = rate(&["messages_max_per_second=10"]);
        let now = Instant::now();
        assert_eq!(rate.take(now, 10, 1 << 30, &config), None);
        assert_eq!(rate.take(now, 5, 0, &config), Some("messages_max_per_second"));
        assert_eq!(rate.resumes_at(), Some(now + SECOND / 2));
        let later = now + SECOND / 2;
        assert_eq!(rate.take(later, 0, 0, &config), None);
        assert_eq!(rate.take(later, 1, 0, &config), Some("messages_max_per_second"));
        assert_eq!(rate.take(later + SECOND * 60, 10, 0, &config), None);
    }

    #[test]
    fn who_is_beyond_both_waits_for_the_longer_one() {
        let (mut rate, config) = rate(&["messages_max_per_second=10", "bytes_max_per_second=100"]);
        let now = Instant::now();
        assert_eq!(rate.take(now, 20, 400, &config), Some("bytes_max_per_second"));
        assert_eq!(rate.resumes_at(), Some(now + SECOND * 3));
    }

    #[test]
    fn nothing_is_kept_where_nothing_is_limited() {
        assert!(Rate::new(&Config::default()).is_none());
    }
}
