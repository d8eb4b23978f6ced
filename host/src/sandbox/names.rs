//! The host's side of `names`. Unlike what else concerns others it is done at once, and
//! may wait for other nodes.

use std::sync::Arc;

use wasmtime::Result;

use super::{
    bindings::wshost::handler::{names, types::ErrorResult as Error},
    holding::Kind,
    ledger::{Ledger, Seat},
    state::State,
};
use crate::{config::Config, messaging::Unreachable, tenant::Tenant};

impl names::Host for State {
    async fn register(&mut self, name: String) -> Result<Result<bool, Error>> {
        let noted = self.counted(|ledger, tenant| ledger.register(tenant, &name));
        let (seat, known) = match noted {
            Ok(noted) => noted,
            Err(error) => return Ok(Err(error)),
        };
        let registered = seat.hub.register(seat.id, known).await;
        if registered != Ok(true) {
            // It was noted that it has the name.
            let _ = self.ledger.unregister(&self.tenant, &name);
        }
        Ok(registered.map_err(Error::from))
    }

    async fn unregister(&mut self, name: String) -> Result<Result<bool, Error>> {
        let noted = self.counted(|ledger, tenant| ledger.unregister(tenant, &name));
        Ok(noted.map(|(seat, name)| seat.hub.unregister(seat.id, &name)))
    }

    async fn lookup(&mut self, name: String) -> Result<Result<Option<String>, Error>> {
        let (seat, name) = match self.counted(|ledger, tenant| ledger.lookup(tenant, &name)) {
            Ok(asked) => asked,
            Err(error) => return Ok(Err(error)),
        };
        let found = seat.hub.lookup(name).await;
        Ok(found.map(|id| id.map(|id| id.to_string())).map_err(Error::from))
    }
}

impl From<Unreachable> for Error {
    fn from(error: Unreachable) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl Ledger {
    /// Takes note of a name that is about to be registered.
    pub(super) fn register(
        &mut self,
        tenant: &Arc<Tenant>,
        name: &str,
    ) -> Result<(Seat, Arc<str>), Error> {
        self.is_open()?;
        let name = connection_name(&tenant.config, name)?;
        if !self.ties.names.contains(&name) {
            if self.ties.names.len() >= tenant.config.names_max {
                return Err(Error::Limit("names_max".into()));
            }
            self.take(tenant, &[(Kind::Name, 1)])?;
            self.ties.names.push(name.clone());
        }
        Ok((self.seat()?.clone(), name))
    }

    /// Takes note of a name that it has no more, or never got.
    pub(super) fn unregister(
        &mut self,
        tenant: &Arc<Tenant>,
        name: &str,
    ) -> Result<(Seat, Arc<str>), Error> {
        self.is_open()?;
        let name = connection_name(&tenant.config, name)?;
        self.ties.names.retain(|other| *other != name);
        Ok((self.seat()?.clone(), name))
    }

    /// The name of a connection, to be looked up.
    pub(super) fn lookup(
        &mut self,
        tenant: &Arc<Tenant>,
        name: &str,
    ) -> Result<(Seat, Arc<str>), Error> {
        let seat = self.seat()?.clone();
        Ok((seat, connection_name(&tenant.config, name)?))
    }
}

fn connection_name(config: &Config, name: &str) -> Result<Arc<str>, Error> {
    if name.len() > config.name_max_bytes {
        return Err(Error::Limit("name_max_bytes".into()));
    }
    if name.is_empty() || name.contains(char::is_control) {
        return Err(Error::Invalid("a name is not empty and has no control characters".into()));
    }
    Ok(name.into())
}
