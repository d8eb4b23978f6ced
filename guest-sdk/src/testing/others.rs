//! What other connections have: names, and presence on topics.

use std::collections::BTreeMap;

use super::{
    Call,
    host::{Host, ask},
    subject::check_topic,
};
use crate::presence::{Present, WatchAs};
use crate::{ConnectionId, Error};

/// The names and the presences of others, and what the connection under test adds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Others {
    /// In the order in which they were registered.
    names: Vec<(String, ConnectionId)>,
    pub(super) present: BTreeMap<String, BTreeMap<ConnectionId, Present>>,
}

impl Others {
    /// Whose a name is.
    pub(super) fn named(&self, name: &str) -> Option<&ConnectionId> {
        self.names.iter().find_map(|(other, of)| (other == name).then_some(of))
    }

    /// Makes a name this one's.
    pub(super) fn name(&mut self, name: String, of: ConnectionId) {
        self.free(&name);
        self.names.push((name, of));
    }

    fn free(&mut self, name: &str) {
        self.names.retain(|(other, _)| other != name);
    }
}

fn check_name(name: &str) -> Result<String, Error> {
    if name.is_empty() || name.contains(char::is_control) {
        let how = "a name is not empty and has no control characters";
        return Err(Error::Invalid(how.to_owned()));
    }
    Ok(name.to_owned())
}

impl Host {
    fn own_id(&self) -> Result<ConnectionId, Error> {
        self.id.clone().ok_or(Error::NotOpen)
    }
}

pub(crate) fn register(name: &str) -> Result<bool, Error> {
    ask(|host| {
        let host = host.receiving()?;
        let (name, id) = (check_name(name)?, host.own_id()?);
        if host.others.named(&name).is_none() {
            host.others.name(name.clone(), id.clone());
        }
        let is_own = host.others.named(&name) == Some(&id);
        if is_own {
            host.calls.push(Call::Register(name));
        }
        Ok(is_own)
    })
}

pub(crate) fn unregister(name: &str) -> Result<bool, Error> {
    ask(|host| {
        let host = host.receiving()?;
        let (name, id) = (check_name(name)?, host.own_id()?);
        let is_own = host.others.named(&name) == Some(&id);
        if is_own {
            host.others.free(&name);
            host.calls.push(Call::Unregister(name));
        }
        Ok(is_own)
    })
}

pub(crate) fn lookup(name: &str) -> Result<Option<ConnectionId>, Error> {
    ask(|host| {
        let name = check_name(name)?;
        Ok(host.telling()?.others.named(&name).cloned())
    })
}

pub(crate) fn enter(topic: &str, metadata: &str) -> Result<(), Error> {
    ask(|host| {
        let host = host.receiving()?;
        let (topic, id, metadata) = (check_topic(topic)?, host.own_id()?, metadata.to_owned());
        let own = |(name, of): &(String, _)| (*of == id).then(|| name.clone());
        let name = host.others.names.iter().find_map(own);
        let present = Present { id: id.clone(), name, metadata: metadata.clone() };
        host.others.present.entry(topic.clone()).or_default().insert(id, present);
        host.calls.push(Call::Enter { topic, metadata });
        Ok(())
    })
}

pub(crate) fn leave(topic: &str) -> Result<(), Error> {
    ask(|host| {
        let host = host.receiving()?;
        let (topic, id) = (check_topic(topic)?, host.own_id()?);
        host.others.present.entry(topic.clone()).or_default().remove(&id);
        host.calls.push(Call::Leave(topic));
        Ok(())
    })
}

pub(crate) fn list_present(
    topic: &str,
    after: Option<&ConnectionId>,
    limit: u32,
) -> Result<Vec<Present>, Error> {
    ask(|host| {
        let topic = check_topic(topic)?;
        let present = host.telling()?.others.present.get(&topic).into_iter().flatten();
        let behind = present.filter(|(id, _)| after.is_none_or(|after| *id > after));
        Ok(behind.take(limit as usize).map(|(_, present)| present.clone()).collect())
    })
}

pub(crate) fn watch(topic: &str, how: WatchAs) -> Result<(), Error> {
    ask(|host| {
        let call = Call::Watch(check_topic(topic)?, how);
        host.receiving()?.calls.push(call);
        Ok(())
    })
}

pub(crate) fn unwatch(topic: &str) -> Result<(), Error> {
    ask(|host| {
        let call = Call::Unwatch(check_topic(topic)?);
        host.receiving()?.calls.push(call);
        Ok(())
    })
}
