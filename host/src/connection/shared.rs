//! What the connections of one plugin share.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Acquire, Release},
        },
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::time::timeout;

use super::Places;
use crate::{
    config::Config,
    hibernation::{Slot, Slots, SnapshotStore},
    messaging::Hub,
    plugin::Plugin,
    sandbox::WarmRoom,
};

/// What the connections of one plugin share.
pub struct Shared {
    /// What their instances are made of.
    pub plugin: Plugin,
    /// The settings.
    pub config: Arc<Config>,
    /// Who they are, and how they reach each other.
    pub hub: Arc<Hub>,
    /// How many instances there may be.
    pub slots: Arc<Slots>,
    /// How many that no connection has may be kept.
    pub warm: Arc<WarmRoom>,
    /// Where those that sleep are.
    pub snapshots: Arc<SnapshotStore>,
    /// How many connections there are in the host.
    pub places: Arc<Places>,
    /// How many connections this version has, those that are opening or closing too.
    pub connections: AtomicUsize,
    /// What becomes of this version's connections, once it was replaced.
    pub succession: Succession,
    /// Whether it was said that the handler picks no subprotocol.
    pub picks_none_said: AtomicBool,
}

/// What is to become of the connections of a version that was replaced, if they don't
/// live out their lives.
#[derive(Clone)]
pub enum Successor {
    /// They are closed.
    Drain,
    /// They move to this one.
    Migrate(Arc<Shared>),
}

/// Looked at with every event, and begun once, mostly never.
#[derive(Default)]
pub struct Succession {
    begun: AtomicBool,
    successor: ArcSwapOption<Successor>,
}

impl Succession {
    /// What becomes of the version's connections. Whoever is told of it after it was
    /// [set](Self::set) sees it.
    #[must_use]
    pub fn get(&self) -> Option<Successor> {
        if !self.begun.load(Acquire) {
            return None;
        }
        self.successor.load().as_deref().cloned()
    }

    /// Has the connections do this, once they look. What is drained stays so: it was to
    /// have none any more.
    pub fn set(&self, successor: Successor) {
        if !matches!(self.successor.load().as_deref(), Some(Successor::Drain)) {
            self.successor.store(Some(Arc::new(successor)));
        }
        self.begun.store(true, Release);
    }
}

impl Shared {
    /// Waits for the right to have an instance. None: there was none in
    /// `instance_wait_max_ms`, as all others are at work or can't sleep.
    pub async fn slot(&self) -> Option<Slot> {
        if let Some(slot) = self.slots.try_take() {
            return Some(slot);
        }
        let time = Duration::from_millis(self.config.instance_wait_max_ms);
        timeout(time, self.slots.acquire()).await.ok()
    }
}
