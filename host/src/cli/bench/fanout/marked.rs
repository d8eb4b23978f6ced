//! Messages that are found again, whatever a server puts around them.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use memchr::memmem;

const MARK: &str = "wshost-bench/";
const DIGITS: usize = 12;
/// The mark, the message's number, when it was sent, and their ends.
pub(super) const MARK_BYTES: usize = MARK.len() + 2 * (DIGITS + 1);

/// What the times in messages count from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A message that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) number: u64,
    sent_us: u64,
}

impl Marked {
    /// The message of this number, sent now, of this length.
    pub(super) fn write(number: u64, size_bytes: usize) -> String {
        let sent_us = START.elapsed().as_micros();
        let message = format!("{MARK}{number:0DIGITS$}/{sent_us:0DIGITS$}/");
        format!("{message:x<size_bytes$}")
    }

    /// The message in what was received, if there is one.
    pub(super) fn find(received: &[u8]) -> Option<Self> {
        let start = memmem::find(received, MARK.as_bytes())? + MARK.len();
        let (number, rest) = received[start..].split_at_checked(DIGITS)?;
        let sent_us = rest.get(1..=DIGITS)?;
        Some(Self { number: digits(number)?, sent_us: digits(sent_us)? })
    }

    /// How long it took.
    pub(super) fn time(&self) -> Duration {
        START.elapsed().saturating_sub(Duration::from_micros(self.sent_us))
    }
}

fn digits(bytes: &[u8]) -> Option<u64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_whatever_is_around_it() {
        let message = Marked::write(7, 100);
        assert_eq!(message.len(), 100);
        let found = Marked::find(format!("ann: {message}!").as_bytes()).unwrap();
        assert_eq!(found.number, 7);
        assert!(found.time() < Duration::from_secs(60));
        assert_eq!(Marked::write(8, MARK_BYTES).len(), MARK_BYTES);
        assert_eq!(Marked::find(b"* ann joined"), None);
        assert_eq!(Marked::find(b"wshost-bench/123"), None);
    }
}
