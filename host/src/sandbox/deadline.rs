//! How long a callback may run.
//!
//! What counts is the time the callback itself ran: the sum of the polls of its
//! future. The epoch's callback, which runs inside the guest at every tick, has
//! it give way to others or, past the deadline, trap.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::Poll,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use thiserror::Error;
use tokio::time::Sleep;
use wasmtime::{Store, UpdateDeadline};

use super::{clock, epochs};
use crate::{
    background::{self, Level},
    config::Config,
    tenant::{Share, Tenant},
};

/// What a callback may run on an I/O thread before it moves to the background. A
/// tick that comes sooner is no sign that it runs for long.
const SLICE_MIN_NS: u64 = 250_000;
/// The time that a callback may run in all before its share becomes small, in ns. Honest
/// callbacks return before.
const SHARE_NS: u64 = 100_000_000;
/// The longest that it can run there at once, as an epoch ends before. If more time
/// has passed, the system had the thread wait.
const SLICE_MAX_NS: u64 = epochs::LONG_NS + 1_000_000;

/// A callback was cut short.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Overrun {
    /// It ran for too long itself.
    #[error("ran for more than {0} ms (callback_time_max_ms)")]
    Ran(u64),
    /// It took too long in all, mostly waiting in host calls.
    #[error("took more than {0} ms in all ({1})")]
    Waited(u64, &'static str),
    /// Too many others were waiting in host calls.
    #[error("was to wait in a host call, as too many do already ({0})")]
    Crowded(&'static str),
}

impl Overrun {
    /// The setting that says how long, or how many.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::Ran(_) => "callback_time_max_ms",
            Self::Waited(_, setting) | Self::Crowded(setting) => setting,
        }
    }
}

/// The times one callback has.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    run_ms: u64,
    wait_ms: u64,
    wait_setting: &'static str,
}

impl Allowance {
    /// What a callback has.
    #[must_use]
    pub fn of_callback(config: &Config) -> Self {
        Self {
            run_ms: config.callback_time_max_ms,
            wait_ms: config.callback_wait_max_ms,
            wait_setting: "callback_wait_max_ms",
        }
    }

    /// What a callback has during the handshake: the peer waits for it.
    #[must_use]
    pub fn of_handshake(config: &Config) -> Self {
        let callback = Self::of_callback(config);
        if callback.wait_ms <= config.handshake_timeout_ms {
            return callback;
        }
        Self {
            wait_ms: config.handshake_timeout_ms,
            wait_setting: "handshake_timeout_ms",
            ..callback
        }
    }

    fn run_ns(self) -> u64 {
        self.run_ms.saturating_mul(1_000_000)
    }
}

/// Since when the callback under way runs, and how long it may, shared by the future
/// that polls it and the epoch's callback inside it.
#[derive(Debug, Default)]
pub struct Clock {
    from_ns: AtomicU64,
    left_ns: AtomicU64,
    /// Whether it took long the last time that it ran with the sockets. By the process's
    /// clock it may have waited for the processor: this time the thread's own decides.
    is_watched: AtomicBool,
    /// Whether the last callback did not return at once.
    was_suspended: AtomicBool,
    begun_ns: AtomicU64,
    stopped_ns: AtomicU64,
}

/// When the last callback of an instance was called, and when it returned.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When it was called.
    pub begun: Instant,
    /// When it returned.
    pub returned: Instant,
}

impl Clock {
    /// Knows nothing of earlier callbacks from now on: the next are another
    /// connection's.
    pub(super) fn forget(&self) {
        self.is_watched.store(false, Relaxed);
    }

    /// It begins to run, or goes on.
    fn start(&self, first: bool) {
        epochs::guest_runs();
        let now = clock::now_ns();
        self.from_ns.store(self.running_ns(now), Relaxed);
        if first {
            self.begun_ns.store(now, Relaxed);
        }
    }

    /// The time by which running is measured now. That of the process is at hand; the
    /// thread's own takes a system call, and is read where others have the processor for
    /// long: in the background.
    fn running_ns(&self, now_ns: u64) -> u64 {
        if !self.is_by_thread() {
            return now_ns;
        }
        let time = clock_gettime(ClockId::ThreadCPUTime);
        // Both are positive: the time that a thread ran.
        time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
    }

    fn is_by_thread(&self) -> bool {
        background::here() > Level::Io || self.is_watched.load(Relaxed)
    }

    /// How long it has run since it was started.
    fn ran_ns(&self, now_ns: u64) -> u64 {
        let ran = self.running_ns(now_ns) - self.from_ns.load(Relaxed);
        if !self.is_by_thread() {
            return ran.min(SLICE_MAX_NS);
        }
        if ran > epochs::SHORT_NS {
            epochs::guest_ran_long();
        }
        ran
    }

    /// It has returned, or waits. Returns how long it has run since it was started.
    fn stop(&self) -> u64 {
        let now = clock::now_ns();
        self.stopped_ns.store(now, Relaxed);
        let ran = self.ran_ns(now);
        if background::here() == Level::Io {
            self.is_watched.store(ran > epochs::SHORT_NS, Relaxed);
        }
        ran
    }

    /// Whether the last callback did not return at once: other threads may have run it
    /// meanwhile.
    pub(super) fn was_suspended(&self) -> bool {
        self.was_suspended.load(Relaxed)
    }

    /// Of the last callback, once it has returned.
    pub(super) fn times(&self) -> Times {
        let at = |ns: &AtomicU64| clock::instant(ns.load(Relaxed));
        Times { begun: at(&self.begun_ns), returned: at(&self.stopped_ns) }
    }
}

/// Makes each epoch interrupt the store's guest: to give way, or past the clock's
/// deadline to trap with [`Overrun::Ran`].
pub fn interrupt<T>(store: &mut Store<T>, clock: Arc<Clock>, allowance: Allowance) {
    store.epoch_deadline_callback(move |_| {
        let (ran, left) = (clock.ran_ns(clock::now_ns()), clock.left_ns.load(Relaxed));
        if ran >= left {
            return Err(Overrun::Ran(allowance.run_ms).into());
        }
        epochs::guest_runs();
        let in_all = allowance.run_ns() - left + ran;
        if in_all >= SHARE_NS {
            background::give_way(Level::Low);
        } else if ran >= SLICE_MIN_NS || background::here() > Level::Io {
            background::give_way(Level::Background);
        } else {
            return Ok(UpdateDeadline::Continue(1));
        }
        Ok(UpdateDeadline::Yield(1))
    });
}

/// Runs a callback of this tenant's by the clock. It is pinned by the caller: moved
/// here it would take its room twice.
///
/// # Errors
/// [`Overrun::Waited`], [`Overrun::Crowded`]; a callback that ran too long ends by
/// itself, with a trap that holds [`Overrun::Ran`].
pub async fn timed<F: Future>(
    clock: &Clock,
    allowance: Allowance,
    tenant: &Tenant,
    mut call: Pin<&mut F>,
) -> Result<F::Output, Overrun> {
    let (waiting, metrics) = (&tenant.totals.waiting, &tenant.metrics);
    clock.left_ns.store(allowance.run_ns(), Relaxed);
    clock.was_suspended.store(false, Relaxed);
    let mut suspended: Option<Suspended<'_>> = None;
    poll_fn(|cx| {
        let resumed = (background::here() == Level::Low).then(Instant::now);
        clock.start(suspended.is_none());
        let (polled, asked) = background::gives_way(|| call.as_mut().poll(cx));
        let ran = clock.stop();
        metrics.ran.add_ns(ran);
        if let Poll::Ready(output) = polled {
            return Poll::Ready(Ok(output));
        }
        let left = clock.left_ns.load(Relaxed).saturating_sub(ran);
        clock.left_ns.store(left, Relaxed);
        clock.was_suspended.store(true, Relaxed);
        if let Some(resumed) = resumed {
            background::rest(Duration::from_nanos(ran), resumed.elapsed());
        }
        let suspended = suspended.get_or_insert_with(|| Suspended::new(allowance));
        if asked == Level::Io && suspended.share.is_none() {
            let Some(share) = waiting.take(1) else {
                return Poll::Ready(Err(Overrun::Crowded(waiting.setting())));
            };
            suspended.share = Some(share);
        }
        let overrun = Overrun::Waited(allowance.wait_ms, allowance.wait_setting);
        suspended.deadline.as_mut().poll(cx).map(|()| Err(overrun))
    })
    .await
}

/// A callback that has not returned at once.
struct Suspended<'a> {
    deadline: Pin<Box<Sleep>>,
    /// Of those that may wait in host calls; none: it only gave way.
    share: Option<Share<'a>>,
}

impl Suspended<'_> {
    fn new(allowance: Allowance) -> Self {
        let wait = Duration::from_millis(allowance.wait_ms);
        Self { deadline: Box::pin(tokio::time::sleep(wait)), share: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As if it had begun so long ago.
    fn ran(clock: &Clock, ns: u64) -> u64 {
        clock.start(true);
        clock.from_ns.fetch_sub(ns, Relaxed);
        clock.stop()
    }

    #[test]
    fn what_takes_long_by_the_clock_is_looked_at_closely() {
        let clock = Clock::default();
        // There must have been so much time.
        while clock::now_ns() < SLICE_MAX_NS + epochs::SHORT_NS {}
        assert!(ran(&clock, 0) < SLICE_MAX_NS && !clock.is_by_thread());
        assert_eq!(ran(&clock, SLICE_MAX_NS), SLICE_MAX_NS);
        assert!(clock.is_by_thread());
        // By the thread's own time it takes long as well.
        while clock.running_ns(0) <= epochs::SHORT_NS {}
        assert!(ran(&clock, epochs::SHORT_NS) > epochs::SHORT_NS);
        assert!(clock.is_by_thread());
        // But not this time.
        ran(&clock, 0);
        assert!(!clock.is_by_thread());
    }
}
