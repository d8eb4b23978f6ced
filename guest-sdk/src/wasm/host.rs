//! The host's functions, as the component imports them.

use std::time::Duration;

use log::Level;

use super::bindings::wshost::handler::{
    connections, key_value, logging, names, presence, timers, topics,
};
use crate::accept::whole_millis;
use crate::presence::{Present, WatchAs};
use crate::topics::{Audience, Since};
use crate::{CallId, ConnectionId, Error, Frame, TimerId};

pub(crate) fn send(to: &ConnectionId, payload: &[u8]) -> Result<(), Error> {
    Ok(connections::send(to.as_str(), payload)?)
}

pub(crate) fn monitor(id: &ConnectionId) -> Result<(), Error> {
    Ok(connections::monitor(id.as_str())?)
}

pub(crate) fn demonitor(id: &ConnectionId) -> Result<(), Error> {
    Ok(connections::demonitor(id.as_str())?)
}

pub(crate) fn call(to: &ConnectionId, payload: &[u8], timeout: Duration) -> Result<CallId, Error> {
    Ok(connections::call(to.as_str(), payload, whole_millis(timeout))?.into())
}

pub(crate) fn reply(to: &ConnectionId, call: CallId, payload: &[u8]) -> Result<(), Error> {
    Ok(connections::reply(to.as_str(), call.get(), payload)?)
}

pub(crate) fn register(name: &str) -> Result<bool, Error> {
    Ok(names::register(name)?)
}

pub(crate) fn unregister(name: &str) -> Result<bool, Error> {
    Ok(names::unregister(name)?)
}

pub(crate) fn lookup(name: &str) -> Result<Option<ConnectionId>, Error> {
    Ok(names::lookup(name)?.map(Into::into))
}

pub(crate) fn enter(topic: &str, metadata: &str) -> Result<(), Error> {
    Ok(presence::enter(topic, metadata)?)
}

pub(crate) fn leave(topic: &str) -> Result<(), Error> {
    Ok(presence::leave(topic)?)
}

pub(crate) fn list_present(
    topic: &str,
    after: Option<&ConnectionId>,
    limit: u32,
) -> Result<Vec<Present>, Error> {
    let present = presence::list(topic, after.map(ConnectionId::as_str), limit)?;
    Ok(present.into_iter().map(Into::into).collect())
}

pub(crate) fn watch(topic: &str, how: WatchAs) -> Result<(), Error> {
    let how = match how {
        WatchAs::Messages => presence::WatchAs::Messages,
        WatchAs::Frames => presence::WatchAs::Frames,
    };
    Ok(presence::watch(topic, how)?)
}

pub(crate) fn unwatch(topic: &str) -> Result<(), Error> {
    Ok(presence::unwatch(topic)?)
}

pub(crate) fn subscribe(pattern: &str, since: &Since) -> Result<(), Error> {
    let since = match since {
        Since::Now => topics::Since::Now,
        Since::Last(count) => topics::Since::Last(*count),
        Since::After(position) => topics::Since::After(position.as_str().to_owned()),
    };
    Ok(topics::subscribe(pattern, &since)?)
}

pub(crate) fn unsubscribe(pattern: &str) -> Result<(), Error> {
    Ok(topics::unsubscribe(pattern)?)
}

pub(crate) fn publish_frame(topic: &str, frame: Frame, to: Audience) -> Result<(), Error> {
    Ok(topics::publish_frame(topic, &frame.into(), to.into())?)
}

pub(crate) fn publish_message(topic: &str, payload: &[u8], to: Audience) -> Result<(), Error> {
    Ok(topics::publish_message(topic, payload, to.into())?)
}

pub(crate) fn start_timer(after: Duration, payload: &[u8]) -> Result<TimerId, Error> {
    Ok(timers::start(whole_millis(after), payload)?.into())
}

pub(crate) fn cancel_timer(timer: TimerId) -> bool {
    timers::cancel(timer.get())
}

pub(crate) fn max_level() -> Option<Level> {
    Some(match logging::max_level()? {
        logging::Level::Error => Level::Error,
        logging::Level::Warn => Level::Warn,
        logging::Level::Info => Level::Info,
        logging::Level::Debug => Level::Debug,
        logging::Level::Trace => Level::Trace,
    })
}

pub(crate) fn log(level: Level, target: &str, message: &str) {
    let level = match level {
        Level::Error => logging::Level::Error,
        Level::Warn => logging::Level::Warn,
        Level::Info => logging::Level::Info,
        Level::Debug => logging::Level::Debug,
        Level::Trace => logging::Level::Trace,
    };
    logging::log(level, target, message);
}

impl From<Audience> for topics::Audience {
    fn from(audience: Audience) -> Self {
        match audience {
            Audience::Everyone => Self::Everyone,
            Audience::Others => Self::Others,
        }
    }
}

pub(crate) fn get(store: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
    Ok(key_value::get(store, key)?)
}

pub(crate) fn set(store: &str, key: &str, value: &[u8]) -> Result<(), Error> {
    Ok(key_value::set(store, key, value)?)
}

pub(crate) fn delete(store: &str, key: &str) -> Result<bool, Error> {
    Ok(key_value::delete(store, key)?)
}

pub(crate) fn set_if(
    store: &str,
    key: &str,
    expected: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Result<bool, Error> {
    Ok(key_value::set_if(store, key, expected, value)?)
}

pub(crate) fn increment(store: &str, key: &str, by: i64) -> Result<i64, Error> {
    Ok(key_value::increment(store, key, by)?)
}

pub(crate) fn list_keys(
    store: &str,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, Error> {
    Ok(key_value::list_keys(store, prefix, after, limit)?)
}
