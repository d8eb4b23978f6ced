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

mod moving;
mod states;

use std::{
    mem,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use thiserror::Error;

pub(super) use self::moving::Refused;
use self::states::{Asleep, Awake};
use super::Shared;
use crate::{
    background,
    config::Config,
    hibernation::{Lost, Slot, Snapshot},
    messaging::ConnectionId,
    observe::metrics::InState,
    sandbox::{CallError, Effect, Instance, Ledger, RestoreError, Seat, StaysAwake, Times},
};

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

    /// Whether its instance is there.
    pub(super) fn is_awake(&self) -> bool {
        matches!(self.state, State::Awake(_))
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
