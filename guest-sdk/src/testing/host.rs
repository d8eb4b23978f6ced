//! Takes the host's place, and records what it is asked for.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use log::Level;

pub(crate) use super::others::{
    enter, leave, list_present, lookup, register, unregister, unwatch, watch,
};
pub(crate) use super::stores::{delete, get, increment, list_keys, set, set_if};
use super::{
    Call, Timer,
    others::Others,
    stores::Stores,
    subject::{check_pattern, check_topic, has_wildcard},
};
use crate::topics::{Audience, Since};
use crate::{CallId, ConnectionId, ControlPayload, Error, Frame, TimerId};

/// What the host knows of a connection.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) phase: Phase,
    pub(super) timers: Vec<Timer>,
    pub(super) subscriptions: BTreeSet<String>,
    pub(super) calls: Vec<Call>,
    pub(super) stores: Stores,
    pub(super) others: Others,
    pub(super) id: Option<ConnectionId>,
    pub(super) last_timer: u64,
}

/// What a connection may do now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Init,
    Open,
    Terminate,
}

thread_local! {
    /// The connection whose callback runs on this thread.
    static CURRENT: RefCell<Option<Host>> = const { RefCell::new(None) };
}

impl Host {
    /// Runs a callback, with this host to ask.
    pub(super) fn run<R>(&mut self, callback: impl FnOnce() -> R) -> R {
        CURRENT.set(Some(std::mem::take(self)));
        let result = callback();
        *self = CURRENT.take().unwrap_or_default();
        result
    }
}

/// Asks the host of the callback that runs. Outside of one nothing is open.
pub(super) fn ask<R>(question: impl FnOnce(&mut Host) -> Result<R, Error>) -> Result<R, Error> {
    CURRENT.with_borrow_mut(|host| question(host.as_mut().ok_or(Error::NotOpen)?))
}

impl Host {
    /// A connection that still can receive something.
    pub(super) fn receiving(&mut self) -> Result<&mut Self, Error> {
        match self.phase {
            Phase::Open => Ok(self),
            Phase::Init | Phase::Terminate => Err(Error::NotOpen),
        }
    }

    /// A connection that can tell others something.
    pub(super) fn telling(&mut self) -> Result<&mut Self, Error> {
        match self.phase {
            Phase::Open | Phase::Terminate => Ok(self),
            Phase::Init => Err(Error::NotOpen),
        }
    }
}

pub(crate) fn send(to: &ConnectionId, payload: &[u8]) -> Result<(), Error> {
    ask(|host| {
        host.telling()?.calls.push(Call::Send { to: to.clone(), payload: payload.to_vec() });
        Ok(())
    })
}

pub(crate) fn monitor(id: &ConnectionId) -> Result<(), Error> {
    ask(|host| {
        host.receiving()?.calls.push(Call::Monitor(id.clone()));
        Ok(())
    })
}

pub(crate) fn demonitor(id: &ConnectionId) -> Result<(), Error> {
    ask(|host| {
        host.receiving()?.calls.push(Call::Demonitor(id.clone()));
        Ok(())
    })
}

pub(crate) fn call(to: &ConnectionId, payload: &[u8], timeout: Duration) -> Result<CallId, Error> {
    ask(|host| {
        let host = host.receiving()?;
        if timeout.is_zero() {
            return Err(Error::Invalid("a call takes at least 1 ms".to_owned()));
        }
        host.last_timer += 1;
        let (to, id, payload) = (to.clone(), host.last_timer.into(), payload.to_vec());
        host.calls.push(Call::Call { to, id, payload, timeout });
        Ok(id)
    })
}

pub(crate) fn reply(to: &ConnectionId, call: CallId, payload: &[u8]) -> Result<(), Error> {
    ask(|host| {
        let (to, payload) = (to.clone(), payload.to_vec());
        host.telling()?.calls.push(Call::Reply { to, call, payload });
        Ok(())
    })
}

pub(crate) fn subscribe(pattern: &str, since: &Since) -> Result<(), Error> {
    ask(|host| {
        let host = host.receiving()?;
        let pattern = check_pattern(pattern)?;
        if *since != Since::Now && has_wildcard(&pattern) {
            let how = "a pattern with wildcards has no history";
            return Err(Error::Invalid(how.to_owned()));
        }
        host.subscriptions.insert(pattern.clone());
        host.calls.push(match since {
            Since::Now => Call::Subscribe(pattern),
            since => Call::SubscribeSince(pattern, since.clone()),
        });
        Ok(())
    })
}

pub(crate) fn unsubscribe(pattern: &str) -> Result<(), Error> {
    ask(|host| {
        let host = host.receiving()?;
        let pattern = check_pattern(pattern)?;
        host.subscriptions.remove(&pattern);
        host.calls.push(Call::Unsubscribe(pattern));
        Ok(())
    })
}

pub(crate) fn publish_frame(topic: &str, frame: Frame, to: Audience) -> Result<(), Error> {
    ask(|host| {
        let host = host.telling()?;
        let topic = check_topic(topic)?;
        if let Frame::Ping(payload) | Frame::Pong(payload) = &frame
            && payload.len() > ControlPayload::BYTES_MAX
        {
            let how = "a ping or pong has at most 125 bytes";
            return Err(Error::Invalid(how.to_owned()));
        }
        host.calls.push(Call::Publish { topic, frame, to });
        Ok(())
    })
}

pub(crate) fn publish_message(topic: &str, payload: &[u8], to: Audience) -> Result<(), Error> {
    ask(|host| {
        let host = host.telling()?;
        let (topic, payload) = (check_topic(topic)?, payload.to_vec());
        host.calls.push(Call::PublishMessage { topic, payload, to });
        Ok(())
    })
}

pub(crate) fn start_timer(after: Duration, payload: &[u8]) -> Result<TimerId, Error> {
    ask(|host| {
        let host = host.receiving()?;
        if after.is_zero() {
            return Err(Error::Invalid("a timer takes at least 1 ms".to_owned()));
        }
        host.last_timer += 1;
        let timer = Timer { id: host.last_timer.into(), after, payload: payload.to_vec() };
        let id = timer.id;
        host.timers.push(timer.clone());
        host.calls.push(Call::StartTimer(timer));
        Ok(id)
    })
}

pub(crate) fn cancel_timer(timer: TimerId) -> bool {
    let cancelled = ask(|host| {
        let at = host.timers.iter().position(|running| running.id == timer);
        if let Some(at) = at {
            host.timers.remove(at);
            host.calls.push(Call::CancelTimer(timer));
        }
        Ok(at.is_some())
    });
    cancelled.unwrap_or(false)
}

pub(crate) fn max_level() -> Option<Level> {
    Some(Level::Trace)
}

pub(crate) fn log(level: Level, target: &str, message: &str) {
    let line = Call::Log { level, target: target.to_owned(), message: message.to_owned() };
    // A line from outside of a callback is nobody's.
    let _ = ask(|host| {
        host.calls.push(line);
        Ok(())
    });
}
