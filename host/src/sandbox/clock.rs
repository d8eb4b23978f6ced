//! One monotonic clock for the process: what guests read, and what their
//! callbacks are timed by.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use wasmtime::{Result, component::Resource};
use wasmtime_wasi::{
    HostMonotonicClock,
    clocks::WasiClocksView as _,
    p2::{DynPollable, bindings::clocks::monotonic_clock::Host},
};

use super::state::State;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds since the process first asked (enough for 584 years).
pub(super) fn now_ns() -> u64 {
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// What [`now_ns`] said, as a time.
pub(super) fn instant(ns: u64) -> Instant {
    *START + Duration::from_nanos(ns)
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

/// WASI's functions, but that the state is told of pollables.
impl Host for State {
    fn now(&mut self) -> Result<u64> {
        self.clocks().now()
    }

    fn resolution(&mut self) -> Result<u64> {
        self.clocks().resolution()
    }

    fn subscribe_instant(&mut self, when: u64) -> Result<Resource<DynPollable>> {
        self.clock_to_poll().subscribe_instant(when)
    }

    fn subscribe_duration(&mut self, after: u64) -> Result<Resource<DynPollable>> {
        self.clock_to_poll().subscribe_duration(after)
    }
}
