//! What the connections of one plugin share.

use std::{sync::Arc, time::Duration};

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
    pub hub: Hub,
    /// How many instances there may be.
    pub slots: Arc<Slots>,
    /// Where those that sleep are.
    pub snapshots: Arc<SnapshotStore>,
    /// How many connections there are in the host.
    pub places: Arc<Places>,
}

impl Shared {
    /// Waits for the right to have an instance. None: there was none in
    /// `instance_wait_max_ms`, as all others are at work or can't sleep.
    pub async fn slot(&self) -> Option<Slot> {
        let time = Duration::from_millis(self.config.instance_wait_max_ms);
        timeout(time, self.slots.acquire()).await.ok()
    }
}
