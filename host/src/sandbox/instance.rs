//! One instance of a handler, and the calls into it.

use std::{pin::pin, sync::Arc};

use wasmtime::{
    Store,
    component::{Instance as Component, InstancePre},
};

use super::{
    bindings::wshost::handler::types::{
        Answer, FrameParam, HttpVersion, Message, Options, Outcome, Peer, Reason, Request,
    },
    callbacks::{Batch, Callback, Callbacks, Checked, Found},
    deadline::{self, Allowance, Clock, Times},
    error::CallError,
    hibernation::Hibernation,
    ledger::Ledger,
    sources::Sources,
    state::State,
    warm::Warm,
};
use crate::{
    hibernation::{Difference, Load, Unfit, batch_room, put_batch},
    messaging::ConnectionId,
    tenant::Tenant,
};

/// A component from which instances are made: compiled, linked and checked.
#[derive(Clone)]
pub struct Template {
    pub(super) tenant: Arc<Tenant>,
    pub(super) pre: InstancePre<State>,
    /// The bytes of each instance's memories that the host has for itself.
    pub(super) window_bytes: usize,
    pub(super) callbacks: Arc<Callbacks>,
    pub(super) sources: Arc<dyn Sources>,
    pub(super) hibernation: Arc<Result<Hibernation, Unfit>>,
    pub(super) warm: Arc<Warm>,
}

/// A live instance. After a call that failed it is only good for dropping.
pub struct Instance {
    pub(super) store: Store<State>,
    pub(super) component: Component,
    callbacks: Arc<Callbacks>,
    /// The callback that was called last: mostly the next one, too.
    last: Option<Found>,
    clock: Arc<Clock>,
    tenant: Arc<Tenant>,
    pub(super) hibernation: Arc<Result<Hibernation, Unfit>>,
    pub(super) reuse: Reuse,
}

/// What an instance needs in order to sleep, and to serve other connections.
#[derive(Default)]
pub(super) struct Reuse {
    /// Its difference to a fresh instance when a snapshot was taken last.
    pub(super) difference: Difference,
    /// Whether nothing was called since.
    pub(super) difference_is_known: bool,
    /// The handles that the host gave its guest, as they stand in a snapshot.
    pub(super) given: Vec<u8>,
}

/// A request for a WebSocket at `/`, as short as one can be: to try a handler by.
#[must_use]
pub fn sample_request(id: &str) -> Request<'_> {
    Request {
        id,
        method: "GET",
        scheme: "http",
        authority: Some("localhost"),
        path: "/",
        query: None,
        version: HttpVersion::Http11,
        headers: &[("host", b"localhost")],
        peer: Peer { address: "127.0.0.1", port: 1 },
        tls: None,
        upgrade: true,
        subprotocols: &[],
        parameters: &[],
    }
}

impl Template {
    /// The plugin's name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.tenant.name
    }

    /// Gives its instances these clocks and random numbers in place of the
    /// process's: to repeat what they do, and to test.
    #[must_use]
    pub fn with_sources(mut self, sources: Arc<dyn Sources>) -> Self {
        self.sources = sources;
        self
    }

    /// Makes an instance, of a warm one if there is one.
    ///
    /// # Errors
    /// A trap or an overrun in a start function; no room in the pool.
    pub async fn instantiate(&self, id: ConnectionId) -> Result<Box<Instance>, CallError> {
        if let Ok(hibernation) = self.can_hibernate() {
            let load = Load::fresh(&hibernation.baseline);
            if let Some(mut instance) = self.warm.take(&load) {
                let begun = instance.reuse(self, hibernation, id, None, load).await;
                return match begun {
                    Ok(()) => Ok(instance),
                    Err(error) => Err(CallError::of_making(&error, None)),
                };
            }
        }
        self.make(id, Box::default()).await
    }

    /// Makes an instance that goes on with a ledger, and runs its start functions.
    pub(super) async fn make(
        &self,
        id: ConnectionId,
        ledger: Box<Ledger>,
    ) -> Result<Box<Instance>, CallError> {
        let (store, component, clock) =
            start(&self.tenant, &self.pre, self.window_bytes, &self.sources, id, ledger).await?;
        Ok(Box::new(Instance {
            store,
            component,
            callbacks: self.callbacks.clone(),
            last: None,
            clock,
            tenant: self.tenant.clone(),
            hibernation: self.hibernation.clone(),
            reuse: Reuse::default(),
        }))
    }
}

/// Makes an instance.
pub(super) async fn start(
    tenant: &Arc<Tenant>,
    pre: &InstancePre<State>,
    window_bytes: usize,
    sources: &Arc<dyn Sources>,
    id: ConnectionId,
    ledger: Box<Ledger>,
) -> Result<(Store<State>, Component, Arc<Clock>), CallError> {
    let mut state = State::new(tenant.clone(), sources.clone(), id, ledger);
    state.limits.leave_out(window_bytes);
    let mut store = Store::new(pre.engine(), state);
    store.limiter(|state| &mut state.limits);
    store.set_hostcall_fuel(tenant.config.values_max_bytes);
    let clock = Arc::new(Clock::default());
    let allowance = Allowance::of_handshake(&tenant.config);
    deadline::interrupt(&mut store, clock.clone(), allowance);
    store.set_epoch_deadline(1);
    let made = {
        let made = pin!(pre.instantiate_async(&mut store));
        deadline::timed(&clock, allowance, tenant, made).await?
    };
    let component =
        made.map_err(|error| CallError::of_making(&error, store.data().limits.last_hit()))?;
    Ok((store, component, clock))
}

impl Instance {
    /// What the connection holds of the host, and what its handler asked for.
    pub fn ledger(&mut self) -> &mut Ledger {
        &mut self.store.data_mut().ledger
    }

    /// What its memories have now, in all.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.store.data().limits.memory_bytes()
    }

    /// Gives back what it keeps in order to sleep: it stays awake.
    pub fn stays_awake(&mut self) {
        self.reuse.difference = Difference::default();
        self.reuse.difference_is_known = false;
    }

    /// When its last callback was called and returned.
    #[must_use]
    pub fn times(&self) -> Times {
        self.clock.times()
    }

    /// Calls `init`.
    ///
    /// # Errors
    /// As every call: a trap or an overrun.
    pub async fn init(&mut self, request: Request<'_>) -> Result<Answer, CallError> {
        let allowance = Allowance::of_handshake(&self.tenant.config);
        let (answer,) = self.timed_call(self.callbacks.init, (request,), allowance).await?;
        Ok(answer)
    }

    /// Calls `opened`.
    ///
    /// # Errors
    /// As every call.
    pub async fn opened(&mut self) -> Result<Outcome, CallError> {
        let (outcome,) = self.call(self.callbacks.opened, ()).await?;
        Ok(outcome)
    }

    /// Calls `frames`.
    ///
    /// # Errors
    /// As every call.
    pub async fn frames(&mut self, frames: &[FrameParam<'_>]) -> Result<Outcome, CallError> {
        let (outcome,) = match self.put_batch(frames) {
            Some(batch) => self.call(batch, ()).await?,
            None => self.call(self.callbacks.frames, (frames,)).await?,
        };
        Ok(outcome)
    }

    /// Leaves the frames where `batch` finds them. Returns `None` if the guest has no
    /// `batch`, or there is no room.
    fn put_batch(&mut self, frames: &[FrameParam<'_>]) -> Option<Checked<Batch>> {
        let Ok(hibernation) = &*self.hibernation else { return None };
        let room = batch_room(&mut self.store, hibernation.baseline.layout());
        let frames = frames.iter().map(|frame| match frame {
            FrameParam::Text(text) => (0, text.as_bytes()),
            FrameParam::Binary(bytes) => (1, &**bytes),
            FrameParam::Ping(bytes) => (2, &**bytes),
            FrameParam::Pong(bytes) => (3, &**bytes),
        });
        hibernation.batch.filter(|_| put_batch(room, frames))
    }

    /// Calls `info`.
    ///
    /// # Errors
    /// As every call.
    pub async fn info(&mut self, message: Message<'_>) -> Result<Outcome, CallError> {
        let (outcome,) = self.call(self.callbacks.info, (message,)).await?;
        Ok(outcome)
    }

    /// Calls `terminate`.
    ///
    /// # Errors
    /// As every call.
    pub async fn terminate(&mut self, reason: Reason<'_>) -> Result<(), CallError> {
        self.call(self.callbacks.terminate, (reason,)).await
    }

    /// Calls `save`.
    ///
    /// # Errors
    /// As every call.
    pub async fn save_state(&mut self) -> Result<Option<Vec<u8>>, CallError> {
        let (state,) = self.call(self.callbacks.save, ()).await?;
        Ok(state)
    }

    /// Calls `restore`, with a state that `save` gave in `from_version`. The inner
    /// error is the handler's.
    ///
    /// # Errors
    /// As every call.
    pub async fn restore_state(
        &mut self,
        request: Request<'_>,
        state: &[u8],
        from_version: &str,
    ) -> Result<Result<Options, String>, CallError> {
        let params = (request, state, from_version);
        let (options,) = self.call(self.callbacks.restore, params).await?;
        Ok(options)
    }

    /// Serves another connection from now on.
    pub(super) fn begin(
        &mut self,
        sources: &Arc<dyn Sources>,
        id: ConnectionId,
        ledger: Option<Box<Ledger>>,
    ) {
        self.store.data_mut().begin(sources, id, ledger);
        self.store.set_hostcall_fuel(self.tenant.config.values_max_bytes);
        self.clock.forget();
    }

    /// Has the instance go on with what one of another version held of the host.
    pub fn take_over(&mut self, mut ledger: Box<Ledger>) {
        ledger.move_to(&self.tenant);
        self.store.data_mut().ledger = ledger;
    }

    async fn call<C: Callback>(
        &mut self,
        callback: Checked<C>,
        params: C::Params<'_>,
    ) -> Result<C::Results, CallError> {
        let allowance = Allowance::of_callback(&self.tenant.config);
        self.timed_call(callback, params, allowance).await
    }

    pub(super) async fn timed_call<C: Callback>(
        &mut self,
        callback: Checked<C>,
        params: C::Params<'_>,
        allowance: Allowance,
    ) -> Result<C::Results, CallError> {
        self.reuse.difference_is_known = false;
        self.reuse.difference.used_here();
        if self.last.is_none_or(|last| last.typed::<C>().is_none()) {
            self.last = callback.of(&self.component, &mut self.store);
        }
        let called = match self.last.and_then(Found::typed::<C>) {
            Some(function) => {
                self.store.set_epoch_deadline(1);
                let call = pin!(function.call_async(&mut self.store, params));
                deadline::timed(&self.clock, allowance, &self.tenant, call).await?
            }
            None => Err(wasmtime::format_err!("`{}` is not there", C::NAME)),
        };
        if self.clock.was_suspended() {
            self.reuse.difference.used_anywhere();
        } else {
            self.reuse.difference.used_here();
        }
        called.map_err(|error| self.call_error(&error))
    }

    pub(super) fn call_error(&self, error: &wasmtime::Error) -> CallError {
        CallError::new(error, self.store.data().limits.last_hit())
    }
}
