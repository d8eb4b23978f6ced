//! What the host keeps in an instance's store.

use std::{mem, sync::Arc};

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
    held::{self, Held},
    http::Http,
    ledger::Ledger,
    limits::Limits,
    log::{GuestLog, Lines, Output},
    sources::Sources,
    stdio::Streams,
};
use crate::{
    capabilities::Directory,
    hibernation::{HasReach, Reach},
    messaging::ConnectionId,
    tenant::Tenant,
};

/// The data of one instance's store.
pub struct State {
    /// What the connection holds of the host, and what its handler asks for.
    pub ledger: Box<Ledger>,
    pub(super) limits: Limits,
    pub(super) tenant: Arc<Tenant>,
    pub(super) log: Arc<GuestLog>,
    reach: Reach,
    sources: Arc<dyn Sources>,
    /// Made at the first call to WASI: many handlers never do.
    wasi: Option<Box<Wasi>>,
}

struct Wasi {
    /// Made at the first call that needs it, for each connection anew.
    context: Option<WasiCtx>,
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
        id: ConnectionId,
        mut ledger: Box<Ledger>,
    ) -> Self {
        let lines = ledger.log.take().map(|lines| *lines);
        let lines = lines.unwrap_or_else(|| Lines::new(tenant.clone(), id));
        let log = Arc::new(GuestLog::of(lines));
        Self {
            ledger,
            limits: Limits::of(&tenant),
            tenant,
            log,
            reach: Reach::default(),
            sources,
            wasi: None,
        }
    }

    /// What the guest has handles to. None: something else than its output and
    /// error, or it can't be told.
    pub(super) fn held(&mut self) -> Option<Held> {
        let directories = &self.tenant.capabilities.directories;
        self.wasi.as_mut().map_or(Some(Held::default()), |wasi| wasi.held(directories))
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
        self.wasi.get_or_insert_with(|| Box::new(Wasi::new(&self.tenant, self.log.connection())))
    }

    /// What outlives the instance.
    pub(super) fn into_ledger(mut self) -> Box<Ledger> {
        self.ledger.log = self.log.take_begun();
        self.ledger
    }

    /// Takes what its connection holds of the host, if it holds anything. The instance
    /// serves nobody then.
    pub(super) fn take_ledger(&mut self) -> Option<Box<Ledger>> {
        self.ledger.log = self.log.take_begun();
        (!self.ledger.holds_nothing()).then(|| mem::take(&mut self.ledger))
    }

    /// Serves another connection from now on, which holds this; `None`: nothing.
    pub(super) fn begin(
        &mut self,
        sources: &Arc<dyn Sources>,
        id: ConnectionId,
        ledger: Option<Box<Ledger>>,
    ) {
        if !Arc::ptr_eq(&self.sources, sources) {
            self.sources = sources.clone();
        }
        match ledger {
            Some(ledger) => self.ledger = ledger,
            None => self.ledger.forget(),
        }
        self.log.begin(id, self.ledger.log.take());
        self.limits.forget_hit();
        if let Some(wasi) = &mut self.wasi {
            // The random numbers of one connection must not go on for another.
            wasi.context = None;
            wasi.http.change_connection(id);
        }
    }
}

impl HasReach for State {
    fn reach(&mut self) -> &mut Reach {
        &mut self.reach
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi();
        let Self { wasi, sources, tenant, .. } = self;
        let Wasi { context, resources, .. } = &mut **wasi.as_mut().expect("it was just made");
        let context = context.get_or_insert_with(|| self::context(&**sources, tenant));
        WasiCtxView { ctx: context, table: resources }
    }
}

/// Clocks, randomness and the environment that is granted; no sockets, arguments
/// or input. Output is not WASI's here, but [`Streams`]; directories are the
/// tenant's.
fn context(sources: &dyn Sources, tenant: &Tenant) -> WasiCtx {
    let mut builder = WasiCtx::builder();
    sources.provide(&mut builder);
    builder.envs(&tenant.capabilities.environment);
    builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
    builder.build()
}

impl Wasi {
    fn new(tenant: &Arc<Tenant>, connection: ConnectionId) -> Self {
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(tenant.config.resources_max);
        Self {
            context: None,
            resources,
            streams: Streams::default(),
            http: Http::new(tenant.clone(), connection),
            in_step: true,
        }
    }

    fn held(&mut self, directories: &[Directory]) -> Option<Held> {
        if self.resources.is_empty() {
            let table_len = held::free(&mut self.resources);
            let is_out_of_step = !self.in_step;
            return Some(Held { places: Vec::new(), table_len, is_out_of_step });
        }
        let places = held::places(&mut self.resources, &self.streams, directories)
            .filter(|_| self.in_step)?;
        // One more is opened to try it out.
        let table_len = places.len();
        let held = Held { places, table_len, is_out_of_step: false };
        (table_len < self.resources.max_capacity()).then_some(held)
    }
}
