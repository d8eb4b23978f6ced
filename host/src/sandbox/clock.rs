//! One monotonic clock for the process: what guests read, and what their
//! callbacks are timed by.

use std::{sync::LazyLock, time::Instant};

use wasmtime_wasi::HostMonotonicClock;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds since the process first asked (enough for 584 years).
pub(super) fn now_ns() -> u64 {
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The clock as guests have it: a guest's `Instant` means the same in every
/// instance that its memory is moved to.
pub(super) struct ProcessClock;

impl HostMonotonicClock for ProcessClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        now_ns()
    }
}
