//! What the host keeps in an instance's store.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::{clock::ProcessClock, ledger::Ledger, limits::Limits, log::GuestLog, stdio::Stdio};
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
        let wasi = self
            .wasi
            .get_or_insert_with(|| Box::new(Wasi::new(&self.log, self.config.resources_max)));
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.resources }
    }
}

impl Wasi {
    /// Clocks, randomness and output to the log; no files, sockets, arguments,
    /// environment or input.
    fn new(log: &Arc<GuestLog>, resources_max: usize) -> Self {
        let mut builder = WasiCtx::builder();
        builder
            .monotonic_clock(ProcessClock)
            .stdout(Stdio::new("stdout", log.clone()))
            .stderr(Stdio::new("stderr", log.clone()))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(resources_max);
        Self { context: builder.build(), resources }
    }
}
