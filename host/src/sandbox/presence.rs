//! The host's side of `presence`. To enter and to leave are effects; to list and to
//! watch is done at once, so that nothing is missed between the two.

use wasmtime::Result;

use super::{
    bindings::wshost::handler::{
        presence,
        types::{ErrorResult as Error, PresentResult as Present},
    },
    ledger::topic_name,
    state::State,
};
use crate::messaging::{self, InvalidId, WatchAs};

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
