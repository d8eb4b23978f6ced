//! Time and chance by a script, the same for both twins.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, TryRng, rngs::SmallRng};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

use crate::sandbox::Sources;

/// Clocks that go on at every look, and random numbers of a seed: whoever looks
/// once more than its twin sees something else from then on.
#[derive(Clone, Debug)]
pub(super) struct Script(Arc<State>);

#[derive(Debug)]
struct State {
    seed: u64,
    now_ns: AtomicU64,
    random: Mutex<SmallRng>,
}

/// By how much a look moves the clocks.
const LOOK_NS: u64 = 1;

impl Script {
    pub(super) fn new(seed: u64) -> Self {
        let random = Mutex::new(SmallRng::seed_from_u64(seed));
        Self(Arc::new(State { seed, now_ns: AtomicU64::new(0), random }))
    }

    /// Lets time go by.
    pub(super) fn pass(&self, ns: u64) {
        self.0.now_ns.fetch_add(ns, Relaxed);
    }

    fn look(&self) -> u64 {
        self.0.now_ns.fetch_add(LOOK_NS, Relaxed)
    }
}

impl Sources for Script {
    fn provide(&self, wasi: &mut WasiCtxBuilder) {
        wasi.monotonic_clock(self.clone())
            .wall_clock(self.clone())
            .secure_random(self.clone())
            .insecure_random(self.clone())
            .insecure_random_seed(self.0.seed.into());
    }
}

impl HostMonotonicClock for Script {
    fn resolution(&self) -> u64 {
        LOOK_NS
    }

    fn now(&self) -> u64 {
        self.look()
    }
}

impl HostWallClock for Script {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(LOOK_NS)
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.look())
    }
}

impl TryRng for Script {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.random.lock().unwrap().next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.random.lock().unwrap().next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.random.lock().unwrap().fill_bytes(bytes);
        Ok(())
    }
}
