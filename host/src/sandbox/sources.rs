//! Where a guest's time and chance come from.

use std::fmt;

use wasmtime_wasi::WasiCtxBuilder;

use super::clock::ProcessClock;

/// Clocks and random numbers for one connection, in place of the process's: so
/// that what its handler does can be repeated.
pub trait Sources: fmt::Debug + Send + Sync {
    /// Puts them into what an instance is given of WASI. Done for each instance
    /// that the connection has: what is to go on when it wakes is kept by `self`.
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
