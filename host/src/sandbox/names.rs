//! The host's side of `names`. Unlike what else concerns others it is done at once, and
//! may wait for other nodes.

use wasmtime::Result;

use super::{
    bindings::wshost::handler::{names, types::ErrorResult as Error},
    state::State,
};
use crate::messaging::Unreachable;

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
        Ok(Ok(registered?))
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
