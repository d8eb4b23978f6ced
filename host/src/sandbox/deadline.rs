//! How long a callback may run.
//!
//! What counts is the time the callback itself ran: the sum of the polls of its
//! future. The epoch's callback, which runs inside the guest at every tick,
//! either lets others have their turn or, past the deadline, traps.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use thiserror::Error;
use tokio::time::Sleep;
use wasmtime::{Store, UpdateDeadline};

use super::clock;

/// A callback was cut short.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Overrun {
    /// It ran for too long itself.
    #[error("ran for more than {0} ms (callback_time_max_ms)")]
    Ran(u64),
    /// It took too long in all, mostly waiting in host calls.
    #[error("took more than {0} ms in all (callback_wait_max_ms)")]
    Waited(u64),
}

/// The times one callback has.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// To run.
    pub run: Duration,
    /// In all.
    pub wait: Duration,
}

/// Until when the callback under way may run, shared by the future that polls
/// it and the epoch's callback inside it.
#[derive(Debug, Default)]
pub struct Clock {
    until_ns: AtomicU64,
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Makes each epoch interrupt the store's guest: to yield, or past the clock's
/// deadline to trap with [`Overrun::Ran`].
pub fn interrupt<T>(store: &mut Store<T>, clock: Arc<Clock>, allowance: Allowance) {
    store.epoch_deadline_callback(move |_| {
        if clock::now_ns() < clock.until_ns.load(Relaxed) {
            Ok(UpdateDeadline::Yield(1))
        } else {
            Err(Overrun::Ran(millis(allowance.run)).into())
        }
    });
}

/// Runs a callback by the clock. It is pinned by the caller: moved here it would
/// take its room twice.
///
/// # Errors
/// [`Overrun::Waited`]; a callback that ran too long ends by itself, with a trap
/// that holds [`Overrun::Ran`].
pub async fn timed<F: Future>(
    clock: &Clock,
    allowance: Allowance,
    mut call: Pin<&mut F>,
) -> Result<F::Output, Overrun> {
    let mut left = nanos(allowance.run);
    let mut waiting: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|cx| {
        let start = clock::now_ns();
        clock.until_ns.store(start.saturating_add(left), Relaxed);
        if let Poll::Ready(output) = call.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        left = left.saturating_sub(clock::now_ns() - start);
        let waiting = waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(allowance.wait)));
        waiting.as_mut().poll(cx).map(|()| Err(Overrun::Waited(millis(allowance.wait))))
    })
    .await
}
