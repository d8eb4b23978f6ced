//! A connection's handler: an instance while it is awake, a snapshot while it
//! sleeps.
//!
//! ```text
//!        its time has come, or its slot is needed
//! Awake ──────────────────────────────────────────→ Asleep
//!   ↑                                                 │
//!   └───── there is a callback: a slot, a restore ────┘
//! ```
//!
//! Both ways are gone by the connection's own task, between two callbacks. What
//! happens meanwhile waits where it always waits, in the mailbox, the socket and
//! the timers: nothing is lost, nothing done twice, and the order is kept.

use std::{
    mem,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use thiserror::Error;

use super::{Options, Shared, migration::Stays};
use crate::{
    background,
    config::Config,
    hibernation::{Lost, Slot, Snapshot, Ticket},
    messaging::ConnectionId,
    observe::metrics::InState,
    sandbox::{
        CallError, Effect, Instance, KeptRequest, Ledger, Phase, RestoreError, Seat, StaysAwake,
        Times,
    },
};

/// Of a handler's memory at most one byte in so many was written, mostly: what is
/// only looked at takes no time.
const SELDOM_WRITTEN: usize = 8;

/// See the module.
pub struct Guest {
    state: State,
    /// How often it was put to sleep.
    sleeps: u64,
}

enum State {
    Awake(Box<Awake>),
    Asleep(Asleep),
    /// A restore failed, or is under way.
    Gone,
}

struct Awake {
    // Dropped in this order: the slot is free when the instance is gone.
    instance: Box<Instance>,
    slot: Slot,
    _counted: InState,
    /// When its last callback returned, and what it said. None: it can't be put
    /// to sleep before the next one has returned.
    rest: Option<(Instant, Hibernate)>,
}

struct Asleep {
    snapshot: Kept,
    /// None: it holds nothing.
    ledger: Option<Box<Ledger>>,
    /// The id of its last timer.
    last_timer: u64,
}

/// Where a sleeper's snapshot is.
enum Kept {
    /// In the store.
    There(Ticket),
    /// Taken from the store for a waking that is under way.
    Here(Snapshot),
}

impl Kept {
    fn len_bytes(&self) -> u64 {
        match self {
            Self::There(ticket) => ticket.len_bytes(),
            Self::Here(snapshot) => snapshot.len_bytes() as u64,
        }
    }
}

/// What the handler said when it returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hibernate {
    /// It said `hibernate`.
    Asked,
    /// It said nothing.
    No,
}

impl Hibernate {
    /// How long an instance rests before it is put to sleep.
    fn after(self, config: &Config) -> Option<Duration> {
        match self {
            Self::Asked => Some(Duration::from_millis(config.hibernate_grace_ms)),
            Self::No => config.hibernate_idle_ms.duration(),
        }
    }
}

/// How long a handler that sleeps waits for a slot.
#[derive(Clone, Copy, Debug)]
pub(super) enum Patience {
    /// `instance_wait_max_ms`.
    Limited,
    /// Until there is one: every callback of others ends in its time.
    Unlimited,
}

/// A handler that sleeps can't be woken.
#[derive(Debug, Error)]
pub(super) enum WakeError {
    /// Too many are awake, and none of them falls asleep.
    #[error("no instance became free for it in time (instance_wait_max_ms)")]
    NoSlot,
    /// Its snapshot can't be read.
    #[error("{0}")]
    Lost(#[from] Lost),
    /// Its snapshot is no instance any more.
    #[error("{0}")]
    Restore(#[from] RestoreError),
    /// It was not woken before.
    #[error("it was lost before")]
    Gone,
}

impl WakeError {
    /// Whether it could be woken if the host had more room.
    pub(super) fn is_for_want_of_room(&self) -> bool {
        matches!(self, Self::NoSlot | Self::Restore(RestoreError::Call(CallError::NoRoom(_))))
    }
}

impl Guest {
    /// An instance that `init` was called in, counted as one that is awake.
    #[must_use]
    pub fn new(mut instance: Box<Instance>, slot: Slot, counted: InState, seat: Seat) -> Self {
        instance.ledger().open(seat);
        let rest = Some((Instant::now(), Hibernate::No));
        let awake = Awake { instance, slot, _counted: counted, rest };
        Self { state: State::Awake(Box::new(awake)), sleeps: 0 }
    }

    /// What the connection holds of the host.
    pub(super) fn ledger(&mut self) -> Option<&mut Ledger> {
        match &mut self.state {
            State::Awake(awake) => Some(awake.instance.ledger()),
            State::Asleep(asleep) => asleep.ledger.as_deref_mut(),
            State::Gone => None,
        }
    }

    /// Ends the handler: its last callback has returned.
    pub async fn retire(self, shared: &Shared) {
        if let State::Awake(awake) = self.state {
            let Awake { instance, slot, _counted, .. } = *awake;
            shared.plugin.template.retire(instance, &shared.warm).await;
            drop((slot, _counted));
        }
    }

    /// How often it was put to sleep.
    pub(super) fn sleeps(&self) -> u64 {
        self.sleeps
    }

    /// The linear memory of its instance, if it is awake.
    pub(super) fn memory_bytes(&self) -> Option<usize> {
        match &self.state {
            State::Awake(awake) => Some(awake.instance.memory_bytes()),
            State::Asleep(_) | State::Gone => None,
        }
    }

    /// What its snapshot takes, if it sleeps.
    pub(super) fn snapshot_bytes(&self) -> Option<u64> {
        match &self.state {
            State::Asleep(asleep) => Some(asleep.snapshot.len_bytes()),
            State::Awake(_) | State::Gone => None,
        }
    }

    /// The instance, for a callback. One that sleeps is restored.
    ///
    /// # Errors
    /// It can't be, and never will be.
    pub(super) async fn wake(
        &mut self,
        shared: &Shared,
        id: ConnectionId,
        patience: Patience,
    ) -> Result<&mut Instance, WakeError> {
        if let State::Asleep(_) = &self.state
            && !self.wake_at_once(shared, id)?
        {
            // Boxed, so that a callback of one that is awake has no room for it.
            Box::pin(self.restore(shared, id, patience)).await?;
        }
        match &mut self.state {
            State::Awake(awake) => {
                awake.slot.busy();
                Ok(&mut awake.instance)
            }
            State::Asleep(_) | State::Gone => Err(WakeError::Gone),
        }
    }

    /// Restores one if it has to wait for nothing: mostly so. Returns whether it did.
    fn wake_at_once(&mut self, shared: &Shared, id: ConnectionId) -> Result<bool, WakeError> {
        let begun = Instant::now();
        let State::Asleep(mut asleep) = mem::replace(&mut self.state, State::Gone) else {
            return Ok(false);
        };
        let slot = shared.slots.try_take();
        let Some(slot) = slot.filter(|_| asleep.take_snapshot()) else {
            self.state = State::Asleep(asleep);
            return Ok(false);
        };
        self.state = asleep.wake_at_once(shared, id, slot)?;
        if self.is_awake() {
            shared.plugin.tenant.metrics.wakes.observe(begun.elapsed());
        }
        Ok(self.is_awake())
    }

    async fn restore(
        &mut self,
        shared: &Shared,
        id: ConnectionId,
        patience: Patience,
    ) -> Result<(), WakeError> {
        let begun = Instant::now();
        let slot = match patience {
            Patience::Limited => shared.slot().await.ok_or(WakeError::NoSlot)?,
            Patience::Unlimited => shared.slots.acquire().await,
        };
        if let State::Asleep(asleep) = mem::replace(&mut self.state, State::Gone) {
            self.state = State::Awake(Box::new(asleep.wake(shared, id, slot).await?));
            shared.plugin.tenant.metrics.wakes.observe(begun.elapsed());
        }
        Ok(())
    }

    /// When the instance's last callback was called and returned, if it is awake.
    pub(super) fn times(&self) -> Option<Times> {
        match &self.state {
            State::Awake(awake) => Some(awake.instance.times()),
            State::Asleep(_) | State::Gone => None,
        }
    }

    /// Takes what a callback asked for.
    pub(super) fn returned(&mut self, hibernate: Hibernate) -> Vec<Effect> {
        match &mut self.state {
            State::Awake(awake) => {
                awake.rest = Some((awake.instance.times().returned, hibernate));
                awake.instance.ledger().commit(Instant::now)
            }
            State::Asleep(_) | State::Gone => Vec::new(),
        }
    }

    /// When it is to be put to sleep, if nothing happens.
    pub(super) fn sleeps_at(&self, config: &Config) -> Option<Instant> {
        let State::Awake(awake) = &self.state else { return None };
        let (at, hibernate) = awake.rest.filter(|_| !awake.slot.is_for_a_moment())?;
        Some(at + hibernate.after(config)?)
    }

    /// Whether it is to be put to sleep before anything else is done with it.
    pub(super) fn sleeps_at_once(&self, config: &Config) -> bool {
        config.hibernate_grace_ms == 0
            && matches!(&self.state, State::Awake(awake) if matches!(awake.rest, Some((_, Hibernate::Asked))))
    }

    /// Ready when others need its slot. Nothing is at hand for the handler.
    pub(super) fn poll_pressure(&mut self, cx: &Context<'_>) -> Poll<()> {
        match &mut self.state {
            State::Awake(awake) if awake.rest.is_some() && awake.slot.is_for_a_moment() => {
                Poll::Ready(())
            }
            State::Awake(awake) if awake.rest.is_some() => awake.slot.poll_idle(cx),
            _ => Poll::Pending,
        }
    }

    /// Puts it to sleep, unless it can't be before its next callback.
    ///
    /// # Errors
    /// The instance can't be used any more.
    pub(super) async fn sleep(
        &mut self,
        shared: &Shared,
        id: ConnectionId,
    ) -> Result<(), CallError> {
        if let State::Awake(mut awake) = mem::replace(&mut self.state, State::Gone) {
            background::enter_with(awake.written_bytes()).await;
            let saved = awake.instance.hibernate().await;
            self.slept(awake, shared, id, saved)?;
        }
        Ok(())
    }

    /// Puts it to sleep, unless it can't be before its next callback. Returns `None` if
    /// that [may take longer](Self::sleep).
    pub(super) fn sleep_at_once(
        &mut self,
        shared: &Shared,
        id: ConnectionId,
    ) -> Option<Result<(), CallError>> {
        let State::Awake(awake) = &mut self.state else { return Some(Ok(())) };
        if background::is_large(awake.written_bytes()) {
            return None;
        }
        let saved = awake.instance.hibernate_at_once()?;
        let State::Awake(awake) = mem::replace(&mut self.state, State::Gone) else { return None };
        Some(self.slept(awake, shared, id, saved))
    }

    /// Keeps the snapshot of one that is awake, if one could be taken.
    fn slept(
        &mut self,
        awake: Box<Awake>,
        shared: &Shared,
        id: ConnectionId,
        saved: Result<Snapshot, StaysAwake>,
    ) -> Result<(), CallError> {
        self.state = awake.keep(shared, id, saved)?;
        if let State::Asleep(_) = self.state {
            self.sleeps += 1;
            shared.plugin.tenant.metrics.hibernations.inc();
        }
        Ok(())
    }
}

/// The handlers don't allow a connection to move, or can't do it. It goes on as
/// before.
#[derive(Debug, Error)]
pub(super) enum Refused {
    /// It could not go back.
    #[error("{0}, so that it could not go back")]
    StaysAwake(StaysAwake),
    /// `save` gave no state.
    #[error("its handler gives no state to other versions")]
    NoState,
    /// `save` failed.
    #[error("`save` {0}")]
    Save(CallError),
    /// There is no instance of the new version.
    #[error("the new version's instance {0}")]
    Start(CallError),
    /// `restore` failed.
    #[error("the new version's `restore` {0}")]
    Restore(CallError),
    /// `restore` gave an error.
    #[error("the new version refused it: {0}")]
    Error(String),
    /// `restore` gave options that are none.
    #[error("the new version's `restore` returned {0}")]
    Options(&'static str),
}

impl Guest {
    /// Whether its instance is there.
    pub(super) fn is_awake(&self) -> bool {
        matches!(self.state, State::Awake(_))
    }

    /// Moves the handler to another version. What it holds of the host goes with it.
    ///
    /// # Errors
    /// It stays, from before `save` was called; or it is lost.
    pub(super) async fn migrate(
        &mut self,
        from: &Shared,
        to: &Shared,
        id: ConnectionId,
        request: &KeptRequest,
    ) -> Result<Options, Stays> {
        let slept = !self.is_awake();
        self.wake(from, id, Patience::Limited).await?;
        let State::Awake(awake) = mem::replace(&mut self.state, State::Gone) else {
            return Err(WakeError::Gone.into());
        };
        let Awake { mut instance, slot, _counted, rest } = *awake;
        let rest = if slept { Some((Instant::now(), Hibernate::Asked)) } else { rest };
        background::enter_with(instance.memory_bytes() / SELDOM_WRITTEN).await;
        let before = match instance.hibernate().await {
            Ok(before) => before,
            Err(StaysAwake::Failed(error)) => {
                return Err(WakeError::Restore(error.into()).into());
            }
            Err(why) => {
                self.state = State::Awake(Box::new(Awake { instance, slot, _counted, rest }));
                return Err(Refused::StaysAwake(why).into());
            }
        };
        instance.ledger().phase = Phase::Init;
        let saved = instance.save_state().await;
        let mut ledger = instance.into_ledger();
        ledger.phase = Phase::Open;
        let moved = async {
            let state = saved.map_err(Refused::Save)?.ok_or(Refused::NoState)?;
            restore_state(from, to, id, request, &state).await
        };
        let (instance, outcome) = match moved.await {
            Ok((mut instance, options)) => {
                instance.take_over(ledger);
                (instance, Ok(options))
            }
            Err(refused) => {
                background::enter_with(before.len_bytes()).await;
                let back = from.plugin.template.restore(id, Some(ledger), &before).await;
                (back.map_err(WakeError::Restore)?, Err(refused.into()))
            }
        };
        self.state = State::Awake(Box::new(Awake { instance, slot, _counted, rest }));
        outcome
    }
}

/// An instance of the new version with a state of the old one.
async fn restore_state(
    from: &Shared,
    to: &Shared,
    id: ConnectionId,
    request: &KeptRequest,
    state: &[u8],
) -> Result<(Box<Instance>, Options), Refused> {
    let mut instance = to.plugin.template.instantiate(id).await.map_err(Refused::Start)?;
    let (lists, version) = (request.lists(), from.plugin.version());
    let restored = instance.restore_state(request.request(&lists), state, &version).await;
    let asked = restored.map_err(Refused::Restore)?.map_err(Refused::Error)?;
    let options = Options::new(&asked, &to.config).map_err(Refused::Options)?;
    Ok((instance, options))
}

impl Awake {
    /// What is looked at in order to put it to sleep.
    fn written_bytes(&self) -> usize {
        self.instance.memory_bytes() / SELDOM_WRITTEN
    }

    fn keep(
        self: Box<Self>,
        shared: &Shared,
        id: ConnectionId,
        saved: Result<Snapshot, StaysAwake>,
    ) -> Result<State, CallError> {
        let snapshot = match saved {
            Ok(snapshot) => snapshot,
            Err(StaysAwake::Failed(error)) => return Err(error),
            Err(why) => {
                tracing::trace!(plugin = %shared.plugin.name, connection = %id, "stays awake: {why}");
                return Ok(self.stay());
            }
        };
        let bytes = snapshot.len_bytes();
        let Ok(ticket) = shared.snapshots.put(snapshot.into_bytes()) else {
            return Ok(self.stay());
        };
        let Self { mut instance, slot, _counted, .. } = *self;
        let last_timer = instance.ledger().timers.last_id();
        let ledger = shared.plugin.template.recycle(instance, &shared.warm);
        drop((slot, _counted));
        // Who reads this finds nothing of it awake.
        tracing::trace!(plugin = %shared.plugin.name, connection = %id, bytes, "asleep");
        shared.plugin.tenant.metrics.snapshots.observe(bytes);
        Ok(State::Asleep(Asleep { snapshot: Kept::There(ticket), ledger, last_timer }))
    }

    /// An instance that was restored. Its connection held nothing if `last_timer` is
    /// given, the id of its last timer.
    fn woken(
        mut instance: Box<Instance>,
        last_timer: Option<u64>,
        shared: &Shared,
        id: ConnectionId,
        slot: Slot,
    ) -> Self {
        if let Some(last) = last_timer {
            instance.ledger().go_on(last, Seat { hub: shared.hub.clone(), id });
        }
        let _counted = shared.plugin.tenant.metrics.connections.awake();
        Self { instance, slot, _counted, rest: None }
    }

    fn stay(mut self: Box<Self>) -> State {
        self.instance.stays_awake();
        self.slot.keep();
        self.slot.busy();
        self.rest = None;
        State::Awake(self)
    }
}

impl Asleep {
    async fn wake(self, shared: &Shared, id: ConnectionId, slot: Slot) -> Result<Awake, WakeError> {
        let snapshot = match self.snapshot {
            Kept::There(ticket) => Snapshot::from_bytes(ticket.take().await?),
            Kept::Here(snapshot) => snapshot,
        };
        background::enter_with(snapshot.len_bytes()).await;
        let holds = self.ledger.is_some();
        let instance = shared.plugin.template.restore(id, self.ledger, &snapshot).await?;
        let since = (!holds).then_some(self.last_timer);
        Ok(Awake::woken(instance, since, shared, id, slot))
    }

    /// Takes its snapshot from the store, if it is in memory.
    fn take_snapshot(&mut self) -> bool {
        if let Kept::There(ticket) = &mut self.snapshot {
            let Some(bytes) = ticket.take_at_once() else { return false };
            self.snapshot = Kept::Here(Snapshot::from_bytes(bytes));
        }
        true
    }

    /// Wakes it, if there is a warm instance that serves at once.
    fn wake_at_once(
        mut self,
        shared: &Shared,
        id: ConnectionId,
        slot: Slot,
    ) -> Result<State, WakeError> {
        let holds = self.ledger.is_some();
        let restored = match &self.snapshot {
            Kept::Here(snapshot) if !background::is_large(snapshot.len_bytes()) => {
                shared.plugin.template.restore_at_once(id, &mut self.ledger, snapshot)?
            }
            _ => None,
        };
        let Some(instance) = restored else { return Ok(State::Asleep(self)) };
        let since = (!holds).then_some(self.last_timer);
        Ok(State::Awake(Box::new(Awake::woken(instance, since, shared, id, slot))))
    }
}
