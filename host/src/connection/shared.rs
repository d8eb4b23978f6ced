//! What the connections of one plugin share.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::Duration,
};

use tokio::time::timeout;

use super::Places;
use crate::{
    config::Config,
    hibernation::{Slot, Slots, SnapshotStore},
    messaging::Hub,
    plugin::Plugin,
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
    /// Where those that sleep are.
    pub snapshots: Arc<SnapshotStore>,
    /// How many connections there are in the host.
    pub places: Arc<Places>,
    /// How many connections this version has, those that are opening or closing too.
    pub connections: AtomicUsize,
    /// What became of this version of the plugin, once it was replaced.
    pub successor: OnceLock<Successor>,
    /// Whether it was said that the handler picks no subprotocol.
    pub picks_none_said: AtomicBool,
}

/// What is to become of the connections of a version that was replaced.
pub enum Successor {
    /// They live out their lives.
    Keep,
    /// They are closed.
    Drain,
    /// They move to this one.
    Migrate(Arc<Shared>),
}

impl Shared {
    /// The version that connections of this one move to.
    #[must_use]
    pub fn moves_to(&self) -> Option<&Arc<Self>> {
        match self.successor.get() {
            Some(Successor::Migrate(to)) => Some(to),
            _ => None,
        }
    }

    /// Waits for the right to have an instance. None: there was none in
    /// `instance_wait_max_ms`, as all others are at work or can't sleep.
    pub async fn slot(&self) -> Option<Slot> {
        let time = Duration::from_millis(self.config.instance_wait_max_ms);
        timeout(time, self.slots.acquire()).await.ok()
    }
}
