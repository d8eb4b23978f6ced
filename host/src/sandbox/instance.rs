//! One instance of a handler, and the calls into it.

use std::{sync::Arc, time::Duration};

use wasmtime::{
    Store,
    component::{
        ComponentExportIndex, ComponentNamedList, Instance as Component, InstancePre, Lift, Lower,
    },
};

use super::{
    bindings::wshost::handler::types::{
        Answer, FrameParam, Message, Options, Outcome, Reason, Request,
    },
    deadline::{self, Allowance, Clock},
    error::CallError,
    hibernation::Hibernation,
    ledger::Ledger,
    log::GuestLog,
    state::State,
};
use crate::{config::Config, hibernation::Unfit, messaging::ConnectionId};

/// Where a component's exports are found.
#[derive(Clone, Debug)]
pub struct Exports {
    pub(super) init: ComponentExportIndex,
    pub(super) opened: ComponentExportIndex,
    pub(super) frames: ComponentExportIndex,
    pub(super) info: ComponentExportIndex,
    pub(super) terminate: ComponentExportIndex,
    pub(super) save: ComponentExportIndex,
    pub(super) restore: ComponentExportIndex,
}

/// A component from which instances are made: compiled, linked and checked.
#[derive(Clone)]
pub struct Template {
    pub(super) name: Arc<str>,
    pub(super) pre: InstancePre<State>,
    pub(super) exports: Exports,
    pub(super) config: Arc<Config>,
    pub(super) hibernation: Arc<Result<Hibernation, Unfit>>,
}

/// A live instance. After a call that failed it is only good for dropping.
pub struct Instance {
    pub(super) store: Store<State>,
    pub(super) component: Component,
    exports: Exports,
    clock: Arc<Clock>,
    allowance: Allowance,
    pub(super) hibernation: Arc<Result<Hibernation, Unfit>>,
}

impl Template {
    /// The plugin's name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Makes an instance, and runs its start functions.
    ///
    /// # Errors
    /// A trap or an overrun in a start function; no room in the pool.
    pub async fn instantiate(&self, id: ConnectionId) -> Result<Instance, CallError> {
        self.instantiate_with(id, Box::default()).await
    }

    /// Makes an instance that goes on with a ledger.
    pub(super) async fn instantiate_with(
        &self,
        id: ConnectionId,
        mut ledger: Box<Ledger>,
    ) -> Result<Instance, CallError> {
        let log = ledger.log.take();
        let log =
            log.unwrap_or_else(|| Arc::new(GuestLog::new(self.name.clone(), id, &self.config)));
        let state = State::new(self.config.clone(), log, ledger);
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.limits);
        store.set_hostcall_fuel(hostcall_fuel(&self.config));
        let clock = Arc::new(Clock::default());
        let allowance = Allowance {
            run: Duration::from_millis(self.config.callback_time_max_ms),
            wait: Duration::from_millis(self.config.callback_wait_max_ms),
        };
        deadline::interrupt(&mut store, clock.clone(), allowance);
        store.set_epoch_deadline(1);
        let made =
            deadline::timed(&clock, allowance, self.pre.instantiate_async(&mut store)).await?;
        let component = made.map_err(|error| CallError::new(&error, store.data().limits.hit()))?;
        Ok(Instance {
            store,
            component,
            exports: self.exports.clone(),
            clock,
            allowance,
            hibernation: self.hibernation.clone(),
        })
    }
}

/// How many bytes of host memory one call's values may take: those of a whole
/// guest's memory, with room for what lists of small things grow by.
fn hostcall_fuel(config: &Config) -> usize {
    config.memory_max_bytes.saturating_mul(2)
}

impl Instance {
    /// Checks that every export has the type that the contract gives it.
    ///
    /// # Errors
    /// The first that has not, by name, with the difference.
    pub fn check_types(&mut self) -> wasmtime::Result<()> {
        let exports = self.exports.clone();
        self.check::<(Request<'_>,), (Answer,)>("init", exports.init)?;
        self.check::<(), (Outcome,)>("opened", exports.opened)?;
        self.check::<(&[FrameParam<'_>],), (Outcome,)>("frames", exports.frames)?;
        self.check::<(Message<'_>,), (Outcome,)>("info", exports.info)?;
        self.check::<(Reason<'_>,), ()>("terminate", exports.terminate)?;
        self.check::<(), (Option<Vec<u8>>,)>("save", exports.save)?;
        self.check::<(Request<'_>, &[u8], &str), (Result<Options, String>,)>(
            "restore",
            exports.restore,
        )
    }

    fn check<P, R>(&mut self, name: &str, export: ComponentExportIndex) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        match self.component.get_typed_func::<P, R>(&mut self.store, export) {
            Ok(_) => Ok(()),
            Err(error) => Err(wasmtime::format_err!("`{name}`: {:#}", error.root_cause())),
        }
    }

    /// What the connection holds of the host, and what its handler asked for.
    pub fn ledger(&mut self) -> &mut Ledger {
        &mut self.store.data_mut().ledger
    }

    /// Calls `init`.
    ///
    /// # Errors
    /// As every call: a trap or an overrun.
    pub async fn init(&mut self, request: Request<'_>) -> Result<Answer, CallError> {
        let (answer,) = self.call(self.exports.init, (request,)).await?;
        Ok(answer)
    }

    /// Calls `opened`.
    ///
    /// # Errors
    /// As every call.
    pub async fn opened(&mut self) -> Result<Outcome, CallError> {
        let (outcome,) = self.call(self.exports.opened, ()).await?;
        Ok(outcome)
    }

    /// Calls `frames`.
    ///
    /// # Errors
    /// As every call.
    pub async fn frames(&mut self, frames: &[FrameParam<'_>]) -> Result<Outcome, CallError> {
        let (outcome,) = self.call(self.exports.frames, (frames,)).await?;
        Ok(outcome)
    }

    /// Calls `info`.
    ///
    /// # Errors
    /// As every call.
    pub async fn info(&mut self, message: Message<'_>) -> Result<Outcome, CallError> {
        let (outcome,) = self.call(self.exports.info, (message,)).await?;
        Ok(outcome)
    }

    /// Calls `terminate`.
    ///
    /// # Errors
    /// As every call.
    pub async fn terminate(&mut self, reason: Reason<'_>) -> Result<(), CallError> {
        self.call(self.exports.terminate, (reason,)).await
    }

    async fn call<P, R>(&mut self, export: ComponentExportIndex, params: P) -> Result<R, CallError>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let called = self.component.get_typed_func::<P, R>(&mut self.store, export);
        let called = match called {
            Ok(function) => {
                self.store.set_epoch_deadline(1);
                deadline::timed(
                    &self.clock,
                    self.allowance,
                    function.call_async(&mut self.store, params),
                )
                .await?
            }
            Err(error) => Err(error),
        };
        called.map_err(|error| self.call_error(&error))
    }

    pub(super) fn call_error(&self, error: &wasmtime::Error) -> CallError {
        CallError::new(error, self.store.data().limits.hit())
    }
}
