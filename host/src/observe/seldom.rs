//! Lines that would come too often.

use std::sync::{Mutex, PoisonError};

use super::Budget;

/// Lets a line be written once a second, and counts the others.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<Budget>);

impl Seldom {
    /// How many were left out since the last one that was written, if one is to
    /// be written now.
    pub fn say(&self) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_within_a_second_is_left_out() {
        let seldom = Seldom::default();
        assert_eq!([seldom.say(), seldom.say()], [Some(0), None]);
    }
}
