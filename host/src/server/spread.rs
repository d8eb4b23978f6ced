//! Tells many connections something, over a time: those who are told to go come again,
//! here or elsewhere, and not all at once.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::messaging::Mailbox;

/// Tells each, evenly over this time.
pub(super) async fn over(
    time: Duration,
    mailboxes: Vec<Arc<Mailbox>>,
    tell: impl Fn(&Mailbox) + Send,
) {
    let count = u32::try_from(mailboxes.len()).unwrap_or(u32::MAX);
    let Some(pause) = time.checked_div(count) else { return };
    let begun = Instant::now();
    for (number, mailbox) in (1..).zip(mailboxes) {
        tell(&mailbox);
        if !pause.is_zero() {
            sleep_until(begun + pause * number).await;
        }
    }
}
