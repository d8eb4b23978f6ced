//! What the host keeps in an instance's store.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::{
    ledger::Ledger,
    limits::Limits,
    log::{GuestLog, Output},
    sources::Sources,
    stdio::Stdio,
};
use crate::{config::Config, hibernation::Transfer};

/// The data of one instance's store.
pub struct State {
    /// What the connection holds of the host, and what its handler asks for.
    pub ledger: Box<Ledger>,
    pub(super) limits: Limits,
    pub(super) config: Arc<Config>,
    pub(super) log: Arc<GuestLog>,
    pub(super) transfer: Transfer,
    sources: Arc<dyn Sources>,
    /// Made at the first call to WASI: many handlers never do.
    wasi: Option<Box<Wasi>>,
}

struct Wasi {
    context: WasiCtx,
    resources: ResourceTable,
}

impl State {
    pub(super) fn new(
        config: Arc<Config>,
        sources: Arc<dyn Sources>,
        log: Arc<GuestLog>,
        ledger: Box<Ledger>,
    ) -> Self {
        Self {
            ledger,
            limits: Limits::new(&config),
            config,
            log,
            transfer: Transfer::Idle,
            sources,
            wasi: None,
        }
    }

    /// Whether the guest has handles to anything of the host.
    pub(super) fn holds_resources(&self) -> bool {
        self.wasi.as_ref().is_some_and(|wasi| !wasi.resources.is_empty())
    }

    /// What outlives the instance.
    pub(super) fn into_ledger(self) -> Box<Ledger> {
        let Self { mut ledger, log, .. } = self;
        ledger.log = Some(log).filter(|log| log.has_begun());
        ledger
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.get_or_insert_with(|| {
            Box::new(Wasi::new(&*self.sources, &self.log, self.config.resources_max))
        });
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.resources }
    }
}

impl Wasi {
    /// Clocks, randomness and output to the log; no files, sockets, arguments,
    /// environment or input.
    fn new(sources: &dyn Sources, log: &Arc<GuestLog>, resources_max: usize) -> Self {
        let mut builder = WasiCtx::builder();
        sources.provide(&mut builder);
        builder
            .stdout(Stdio::new(Output::Stdout, log.clone()))
            .stderr(Stdio::new(Output::Stderr, log.clone()))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(resources_max);
        Self { context: builder.build(), resources }
    }
}
