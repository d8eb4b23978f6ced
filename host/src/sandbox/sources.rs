//! Where a guest's time and chance come from.

use std::fmt;

use wasmtime_wasi::WasiCtxBuilder;

use super::clock::ProcessClock;

/// The clocks and random numbers that handlers are given.
pub trait Sources: fmt::Debug + Send + Sync {
    /// Puts them into what an instance is given of WASI. Done anew for each, also
    /// where it is a handler that wakes: what is to go on then is kept by `self`.
    fn provide(&self, wasi: &mut WasiCtxBuilder);
}

/// The process's: one clock, and the system's random numbers.
#[derive(Debug)]
pub(super) struct ProcessSources;

impl Sources for ProcessSources {
    fn provide(&self, wasi: &mut WasiCtxBuilder) {
        wasi.monotonic_clock(ProcessClock);
    }
}
