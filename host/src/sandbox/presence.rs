//! The host's side of `presence`. To enter and to leave are effects; to list and to
//! watch is done at once, so that nothing is missed between the two.

use std::sync::Arc;

use wasmtime::Result;

use super::{
    bindings::wshost::handler::{
        presence,
        types::{ErrorResult as Error, PresentResult as Present},
    },
    holding::Kind,
    ledger::{Effect, Ledger, Seat, topic_name},
    state::State,
};
use crate::{
    messaging::{self, InvalidId, WatchAs},
    tenant::Tenant,
};

impl presence::Host for State {
    fn enter(&mut self, topic: String, metadata: String) -> Result<Result<(), Error>> {
        Ok(self.counted(|ledger, tenant| ledger.enter(tenant, &topic, metadata)))
    }

    fn leave(&mut self, topic: String) -> Result<Result<(), Error>> {
        Ok(self.counted(|ledger, tenant| ledger.leave(tenant, &topic)))
    }

    fn list(
        &mut self,
        topic: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Result<Vec<Present>, Error>> {
        Ok(self.counted(|ledger, tenant| {
            let hub = &ledger.seat()?.hub;
            let topic = topic_name(&tenant.config, &topic)?;
            let after = after
                .map(|id| id.parse())
                .transpose()
                .map_err(|error: InvalidId| Error::from(error))?;
            if limit == 0 {
                return Err(Error::Invalid("a limit is at least 1".into()));
            }
            let limit = (limit as usize).min(tenant.config.presences_listed_max);
            let present = hub.present(&topic, after, limit);
            Ok(present.iter().map(|present| Present::from(&**present)).collect())
        }))
    }

    fn watch(&mut self, topic: String, how: presence::WatchAs) -> Result<Result<(), Error>> {
        let how = match how {
            presence::WatchAs::Messages => WatchAs::Messages,
            presence::WatchAs::Frames => WatchAs::Frames,
        };
        Ok(self.counted(|ledger, tenant| {
            let (seat, topic) = ledger.watch(tenant, &topic)?;
            seat.hub.watch(seat.id, &topic, how);
            Ok(())
        }))
    }

    fn unwatch(&mut self, topic: String) -> Result<Result<(), Error>> {
        Ok(self.counted(|ledger, tenant| {
            let (seat, topic) = ledger.unwatch(tenant, &topic)?;
            seat.hub.unwatch(seat.id, &topic);
            Ok(())
        }))
    }
}

impl From<&messaging::Present> for Present {
    fn from(present: &messaging::Present) -> Self {
        Self {
            id: present.id.to_string(),
            name: present.name.as_deref().map(str::to_owned),
            metadata: present.metadata.to_string(),
        }
    }
}

impl Ledger {
    /// Asks to be present on a topic.
    pub(super) fn enter(
        &mut self,
        tenant: &Arc<Tenant>,
        topic: &str,
        metadata: String,
    ) -> Result<(), Error> {
        self.is_open()?;
        let topic = topic_name(&tenant.config, topic)?;
        if metadata.len() > tenant.config.presence_metadata_max_bytes {
            return Err(Error::Limit("presence_metadata_max_bytes".into()));
        }
        let is_new = !self.ties.present.contains(&topic);
        if is_new && self.ties.present.len() >= tenant.config.presences_max {
            return Err(Error::Limit("presences_max".into()));
        }
        self.reserve(&tenant.config, metadata.len())?;
        if is_new {
            self.take(tenant, &[(Kind::Presence, 1)])?;
            self.ties.present.insert(topic.clone());
        }
        self.effects.push(Effect::Enter(topic, metadata.into()));
        Ok(())
    }

    /// Asks not to be present any more.
    pub(super) fn leave(&mut self, tenant: &Arc<Tenant>, topic: &str) -> Result<(), Error> {
        self.is_open()?;
        let topic = topic_name(&tenant.config, topic)?;
        self.give_back(tenant, |ties| &mut ties.present, topic, Effect::Leave)
    }

    /// Takes note of a topic that is watched.
    pub(super) fn watch(
        &mut self,
        tenant: &Arc<Tenant>,
        topic: &str,
    ) -> Result<(Seat, Arc<str>), Error> {
        self.is_open()?;
        let topic = topic_name(&tenant.config, topic)?;
        if !self.ties.watched.contains(&topic) {
            self.one_more_subscription(tenant)?;
            self.take(tenant, &[(Kind::Subscription, 1)])?;
            self.ties.watched.insert(topic.clone());
        }
        Ok((self.seat()?.clone(), topic))
    }

    /// Takes note of a topic that isn't watched any more.
    pub(super) fn unwatch(
        &mut self,
        tenant: &Arc<Tenant>,
        topic: &str,
    ) -> Result<(Seat, Arc<str>), Error> {
        self.is_open()?;
        let topic = topic_name(&tenant.config, topic)?;
        self.ties.watched.remove(&topic);
        Ok((self.seat()?.clone(), topic))
    }
}
