//! So many a second.

use std::time::{Duration, Instant};

/// What was taken in the second that began with the first of it.
#[derive(Debug, Default)]
pub struct Budget {
    second: Option<Instant>,
    taken: u32,
    refused: u64,
}

impl Budget {
    /// Takes one of `max`. Returns how many were refused since one was taken last;
    /// none: this one is refused.
    pub fn take(&mut self, max: u32) -> Option<u64> {
        let now = Instant::now();
        if self.second.is_none_or(|second| now - second >= Duration::from_secs(1)) {
            self.second = Some(now);
            self.taken = 0;
        }
        if self.taken >= max {
            self.refused += 1;
            return None;
        }
        self.taken += 1;
        Some(std::mem::take(&mut self.refused))
    }

    /// Whether it matters still: something was refused, or its second isn't over.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.refused > 0
            || self.second.is_some_and(|second| second.elapsed() < Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_refused_and_counted() {
        let mut budget = Budget::default();
        assert!(!budget.has_begun());
        assert_eq!([budget.take(2), budget.take(2), budget.take(2)], [Some(0), Some(0), None]);
        budget.second = None;
        assert!(budget.has_begun());
        assert_eq!(budget.take(2), Some(1));
    }
}
