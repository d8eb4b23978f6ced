//! Tells many connections something, over a time: those who are told to go come again,
//! here or elsewhere, and not all at once.

use std::{sync::Weak, time::Duration};

use tokio::{
    task::consume_budget,
    time::{Instant, sleep_until},
};

use crate::messaging::Mailbox;

/// Tells each that is still there, evenly over this time. While it goes on, others have
/// their turn.
pub(super) async fn over(
    time: Duration,
    mailboxes: Vec<Weak<Mailbox>>,
    tell: impl Fn(&Mailbox) + Send,
) {
    let count = u32::try_from(mailboxes.len()).unwrap_or(u32::MAX);
    let Some(pause) = time.checked_div(count) else { return };
    let begun = Instant::now();
    for (number, mailbox) in (1..).zip(mailboxes) {
        if let Some(mailbox) = mailbox.upgrade() {
            tell(&mailbox);
        }
        if pause.is_zero() {
            consume_budget().await;
        } else {
            sleep_until(begun + pause * number).await;
        }
    }
}
