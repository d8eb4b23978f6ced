//! What the host keeps in an instance's store.

use std::{
    sync::{Arc, LazyLock},
    time::Instant,
};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{HostMonotonicClock, WasiCtx, WasiCtxView, WasiView};

use super::{ledger::Ledger, limits::Limits, log::GuestLog, stdio::Stdio};
use crate::config::Config;

/// The data of one instance's store.
pub struct State {
    /// What the connection holds of the host, and what its handler asks for.
    pub ledger: Box<Ledger>,
    pub(super) limits: Limits,
    pub(super) config: Arc<Config>,
    pub(super) log: Arc<GuestLog>,
    /// Made at the first call to WASI: many handlers never do.
    wasi: Option<Box<Wasi>>,
}

struct Wasi {
    context: WasiCtx,
    resources: ResourceTable,
}

impl State {
    pub(super) fn new(config: Arc<Config>, log: Arc<GuestLog>, ledger: Box<Ledger>) -> Self {
        Self { ledger, limits: Limits::new(&config), config, log, wasi: None }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.get_or_insert_with(|| Box::new(Wasi::new(&self.log)));
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.resources }
    }
}

impl Wasi {
    /// Clocks, randomness and output to the log; no files, sockets, arguments,
    /// environment or input.
    fn new(log: &Arc<GuestLog>) -> Self {
        let mut builder = WasiCtx::builder();
        builder
            .monotonic_clock(ProcessClock)
            .stdout(Stdio::new("stdout", log.clone()))
            .stderr(Stdio::new("stderr", log.clone()))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        Self { context: builder.build(), resources: ResourceTable::new() }
    }
}

/// One monotonic clock for the whole process, so that a guest's `Instant` means
/// the same in every instance that its memory is moved to.
struct ProcessClock;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl HostMonotonicClock for ProcessClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
