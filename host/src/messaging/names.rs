//! Names of connections.

use std::sync::Arc;

use dashmap::Entry;

use super::{ConnectionId, Hub, remote::Unreachable};

impl Hub {
    /// Gives a connection of this node a name. False: another has it.
    ///
    /// # Errors
    /// Other nodes can't be asked.
    pub async fn register(&self, id: ConnectionId, name: Arc<str>) -> Result<bool, Unreachable> {
        // It is taken here first, so that no other asks for it meanwhile.
        match self.names.entry(name.clone()) {
            Entry::Occupied(owner) => return Ok(*owner.get() == id),
            Entry::Vacant(free) => _ = free.insert(id),
        }
        self.tie(id, |tied| tied.ties.names.push(name.clone()));
        let Some(remote) = self.remote() else { return Ok(true) };
        let claimed = remote.claim(name.clone(), id).await;
        if claimed != Ok(true) {
            self.unregister(id, &name);
        }
        claimed
    }

    /// Takes a name from a connection. False: it doesn't have it.
    pub fn unregister(&self, id: ConnectionId, name: &Arc<str>) -> bool {
        self.untie(id, |tied| tied.ties.names.retain(|other| other != name));
        self.free_name(id, name)
    }

    pub(super) fn free_name(&self, id: ConnectionId, name: &Arc<str>) -> bool {
        let had = self.names.remove_if(name, |_, owner| *owner == id).is_some();
        if had && let Some(remote) = self.remote() {
            remote.release(name, id);
        }
        had
    }

    /// Whose a name is.
    ///
    /// # Errors
    /// Nobody's here, and other nodes can't be asked.
    pub async fn lookup(&self, name: Arc<str>) -> Result<Option<ConnectionId>, Unreachable> {
        if let Some(id) = self.names.get(&name) {
            return Ok(Some(*id));
        }
        match self.remote() {
            Some(remote) => remote.find(name).await,
            None => Ok(None),
        }
    }
}
