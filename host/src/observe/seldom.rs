//! Lines that would come too often.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often one of them is written.
const INTERVAL: Duration = Duration::from_secs(1);

/// Lets a line be written once a second, and counts the others.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    last: Option<Instant>,
    since: u64,
}

impl Seldom {
    /// How many were left out since the last one that was written, if one is to
    /// be written now.
    pub fn say(&self) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if said.last.is_some_and(|last| now - last < INTERVAL) {
            said.since += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_within_a_second_is_counted() {
        let seldom = Seldom::default();
        assert_eq!(seldom.say(), Some(0));
        assert_eq!(seldom.say(), None);
        seldom.0.lock().unwrap().last = Instant::now().checked_sub(INTERVAL);
        assert_eq!(seldom.say(), Some(1));
    }
}
