//! The two states of a handler: awake and asleep.

use std::time::Instant;

use super::{Hibernate, State, WakeError};
use crate::{
    background,
    connection::Shared,
    hibernation::{Slot, Snapshot, Ticket},
    messaging::ConnectionId,
    observe::metrics::InState,
    sandbox::{CallError, Instance, Ledger, Seat, StaysAwake},
};

/// Of a handler's memory at most one byte in so many was written, mostly: what is
/// only looked at takes no time.
const SELDOM_WRITTEN: usize = 8;

pub(super) struct Awake {
    // Dropped in this order: the slot is free when the instance is gone.
    pub(super) instance: Box<Instance>,
    pub(super) slot: Slot,
    pub(super) _counted: InState,
    /// When its last callback returned, and what it said. None: it can't be put
    /// to sleep before the next one has returned.
    pub(super) rest: Option<(Instant, Hibernate)>,
}

pub(super) struct Asleep {
    pub(super) snapshot: Kept,
    /// None: it holds nothing.
    pub(super) ledger: Option<Box<Ledger>>,
    /// The id of its last timer.
    last_timer: u64,
}

/// Where a sleeper's snapshot is.
pub(super) enum Kept {
    /// In the store.
    There(Ticket),
    /// Taken from the store for a waking that is under way.
    Here(Snapshot),
}

impl Kept {
    pub(super) fn len_bytes(&self) -> u64 {
        match self {
            Self::There(ticket) => ticket.len_bytes(),
            Self::Here(snapshot) => snapshot.len_bytes() as u64,
        }
    }
}

impl Awake {
    /// About how many bytes a snapshot has to compare.
    pub(super) fn written_bytes(&self) -> usize {
        self.instance.memory_bytes() / SELDOM_WRITTEN
    }

    pub(super) fn keep(
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
        // This line comes last: a reader of the log may rely on the instance being gone.
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
    pub(super) async fn wake(
        self,
        shared: &Shared,
        id: ConnectionId,
        slot: Slot,
    ) -> Result<Awake, WakeError> {
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
    pub(super) fn take_snapshot(&mut self) -> bool {
        if let Kept::There(ticket) = &mut self.snapshot {
            let Some(bytes) = ticket.take_at_once() else { return false };
            self.snapshot = Kept::Here(Snapshot::from_bytes(bytes));
        }
        true
    }

    /// Wakes it, if there is a warm instance that serves at once.
    pub(super) fn wake_at_once(
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
