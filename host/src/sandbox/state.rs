//! What the host keeps in an instance's store.

use std::sync::Arc;

use wasmtime::{
    Result,
    component::{Resource, ResourceTable},
    error::Context as _,
};
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView,
    clocks::{WasiClocksCtxView, WasiClocksView as _},
    filesystem::Descriptor,
    p2::{DynOutputStream, DynPollable, subscribe},
};
use wasmtime_wasi_http::WasiHttpCtxView;

use super::{
    held::{self, Place},
    http::Http,
    ledger::Ledger,
    limits::Limits,
    log::{GuestLog, Output},
    sources::Sources,
    stdio::Streams,
};
use crate::{
    capabilities::Directory, hibernation::Transfer, messaging::ConnectionId, tenant::Tenant,
};

/// The data of one instance's store.
pub struct State {
    /// What the connection holds of the host, and what its handler asks for.
    pub ledger: Box<Ledger>,
    pub(super) limits: Limits,
    pub(super) tenant: Arc<Tenant>,
    pub(super) log: Arc<GuestLog>,
    pub(super) transfer: Transfer,
    sources: Arc<dyn Sources>,
    /// Made at the first call to WASI: many handlers never do.
    wasi: Option<Box<Wasi>>,
}

struct Wasi {
    context: WasiCtx,
    resources: ResourceTable,
    streams: Streams,
    http: Http,
    /// Whether the guest's table of handles surely runs in step with `resources`.
    in_step: bool,
}

impl State {
    pub(super) fn new(
        tenant: Arc<Tenant>,
        sources: Arc<dyn Sources>,
        log: Arc<GuestLog>,
        ledger: Box<Ledger>,
    ) -> Self {
        Self {
            ledger,
            limits: Limits::of(&tenant),
            tenant,
            log,
            transfer: Transfer::Idle,
            sources,
            wasi: None,
        }
    }

    /// What the guest has handles to. None: something else than its output and
    /// error, or it can't be told.
    pub(super) fn held(&mut self) -> Option<Vec<Place>> {
        let directories = &self.tenant.capabilities.directories;
        self.wasi.as_mut().map_or(Some(Vec::new()), |wasi| wasi.held(directories))
    }

    /// Opens a stream to the guest's output or error.
    ///
    /// # Errors
    /// It has too much open (`resources_max`).
    pub(super) fn open(&mut self, output: Output) -> Result<Resource<DynOutputStream>> {
        let log = self.log.clone();
        let wasi = self.wasi();
        Ok(wasi.streams.add(&mut wasi.resources, output, log)?)
    }

    /// Makes a pollable of such a stream.
    ///
    /// # Errors
    /// It has too much open (`resources_max`).
    pub(super) fn subscribe(
        &mut self,
        stream: Resource<DynOutputStream>,
    ) -> Result<Resource<DynPollable>> {
        subscribe(&mut self.wasi().resources, stream)
    }

    /// A clock, of which the guest is about to make a pollable.
    pub(super) fn clock_to_poll(&mut self) -> WasiClocksCtxView<'_> {
        self.wasi().in_step = false;
        self.clocks()
    }

    /// What the guest is about to send HTTP requests by. What it has of that is not
    /// one thing in the store's table for each handle.
    pub(super) fn http(&mut self) -> WasiHttpCtxView<'_> {
        let wasi = self.wasi();
        wasi.in_step = false;
        wasi.http.view(&mut wasi.resources)
    }

    /// Opens a directory that the guest is granted, by its number.
    ///
    /// # Errors
    /// It has too much open (`resources_max`).
    pub(super) fn open_directory(&mut self, number: usize) -> Result<Resource<Descriptor>> {
        let directory = self.tenant.capabilities.directories.get(number);
        let dir = directory.context("a directory that is not granted")?.dir();
        Ok(self.wasi().resources.push(Descriptor::Dir(dir))?)
    }

    fn wasi(&mut self) -> &mut Wasi {
        self.wasi.get_or_insert_with(|| {
            Box::new(Wasi::new(&*self.sources, &self.tenant, self.log.connection))
        })
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
        let wasi = self.wasi();
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.resources }
    }
}

impl Wasi {
    /// Clocks, randomness and the environment that is granted; no sockets, arguments
    /// or input. Output is not WASI's here, but [`Streams`]; directories are the
    /// tenant's.
    fn new(sources: &dyn Sources, tenant: &Arc<Tenant>, connection: ConnectionId) -> Self {
        let mut builder = WasiCtx::builder();
        sources.provide(&mut builder);
        builder.envs(&tenant.capabilities.environment);
        builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(tenant.config.resources_max);
        Self {
            context: builder.build(),
            resources,
            streams: Streams::default(),
            http: Http::new(tenant.clone(), connection),
            in_step: true,
        }
    }

    fn held(&mut self, directories: &[Directory]) -> Option<Vec<Place>> {
        if self.resources.is_empty() {
            return Some(Vec::new());
        }
        let places = held::places(&mut self.resources, &self.streams, directories)
            .filter(|_| self.in_step)?;
        // One more is opened to try it out.
        (places.len() < self.resources.max_capacity()).then_some(places)
    }
}
