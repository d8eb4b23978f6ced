//! What a handler asks of other connections, and of topics: it is done once the
//! callback has returned.

use std::sync::Arc;

use super::{Alarm, Effect, Ledger, Seat, duration};
use crate::{
    config::Config,
    messaging::{
        ConnectionId, Content, InvalidId, InvalidPosition, Since,
        subject::{self, InvalidSubject},
    },
    sandbox::{
        bindings::wshost::handler::{
            topics::Since as AskedSince,
            types::{ErrorResult as Error, FrameResult as Frame},
        },
        holding::Kind,
    },
    tenant::Tenant,
    websocket::{PayloadTooLong, SharedFrame},
};

/// What is said where a payload is too long for what lies between nodes: by the name of
/// NATS's setting.
const NODES_LIMIT: &str = "nats_max_payload";

impl Ledger {
    /// Asks for a message to one connection.
    pub(in crate::sandbox) fn send(
        &mut self,
        tenant: &Arc<Tenant>,
        to: &str,
        payload: Vec<u8>,
    ) -> Result<(), Error> {
        self.not_in_init()?;
        let to = self.reachable(to, payload.len())?;
        self.reserve(&tenant.config, payload.len())?;
        self.effects.push(Effect::Send { to, payload: payload.into() });
        Ok(())
    }

    /// Asks to be told of a connection's end.
    pub(in crate::sandbox) fn monitor(
        &mut self,
        tenant: &Arc<Tenant>,
        id: &str,
    ) -> Result<(), Error> {
        self.is_open()?;
        let id = self.reachable(id, 0)?;
        if self.ties.monitored.contains(&id) {
            return Ok(());
        }
        if self.ties.monitored.len() >= tenant.config.monitors_max {
            return Err(Error::Limit("monitors_max".into()));
        }
        self.reserve(&tenant.config, 0)?;
        self.take(tenant, &[(Kind::Monitor, 1)])?;
        self.ties.monitored.insert(id);
        self.effects.push(Effect::Monitor(id));
        Ok(())
    }

    /// Takes that back.
    pub(in crate::sandbox) fn demonitor(
        &mut self,
        tenant: &Arc<Tenant>,
        id: &str,
    ) -> Result<(), Error> {
        self.is_open()?;
        self.give_back(tenant, |ties| &mut ties.monitored, id.parse()?, Effect::Demonitor)
    }

    /// Asks for a question to one connection.
    pub(in crate::sandbox) fn call(
        &mut self,
        tenant: &Arc<Tenant>,
        to: &str,
        payload: Vec<u8>,
        timeout_ms: u64,
    ) -> Result<u64, Error> {
        self.is_open()?;
        let to = self.reachable(to, payload.len())?;
        let timeout = duration("a call", timeout_ms)?;
        if self.timers.calls() >= tenant.config.calls_max {
            return Err(Error::Limit("calls_max".into()));
        }
        self.reserve(&tenant.config, payload.len())?;
        self.take(tenant, &[(Kind::Timer, 1)])?;
        let call = self.timers.start(timeout, Alarm::Call);
        self.effects.push(Effect::Call { to, call, payload: payload.into() });
        Ok(call)
    }

    /// Asks for an answer to one connection's question.
    pub(in crate::sandbox) fn reply(
        &mut self,
        tenant: &Arc<Tenant>,
        to: &str,
        call: u64,
        payload: Vec<u8>,
    ) -> Result<(), Error> {
        self.not_in_init()?;
        let to = self.reachable(to, payload.len())?;
        self.reserve(&tenant.config, payload.len())?;
        self.effects.push(Effect::Reply { to, call, payload: payload.into() });
        Ok(())
    }

    /// Asks for a frame to a topic.
    pub(in crate::sandbox) fn publish_frame(
        &mut self,
        tenant: &Arc<Tenant>,
        topic: &str,
        frame: Frame,
        to_self: bool,
    ) -> Result<(), Error> {
        let frame = SharedFrame::new(frame.try_into()?);
        self.publish(tenant, topic, Content::Frame(frame), to_self)
    }

    /// Asks for a message to a topic.
    pub(in crate::sandbox) fn publish_message(
        &mut self,
        tenant: &Arc<Tenant>,
        topic: &str,
        payload: Vec<u8>,
        to_self: bool,
    ) -> Result<(), Error> {
        self.publish(tenant, topic, Content::Message(payload.into()), to_self)
    }

    fn publish(
        &mut self,
        tenant: &Arc<Tenant>,
        topic: &str,
        content: Content,
        to_self: bool,
    ) -> Result<(), Error> {
        self.not_in_init()?;
        let topic = topic_name(&tenant.config, topic)?;
        let bytes = content.len_bytes();
        if self.seat.as_ref().is_some_and(|seat| seat.hub.is_too_long(None, bytes)) {
            return Err(Error::Limit(NODES_LIMIT.into()));
        }
        self.reserve(&tenant.config, bytes)?;
        self.effects.push(Effect::Publish { topic, content, to_self });
        Ok(())
    }

    /// Asks for a subscription.
    pub(in crate::sandbox) fn subscribe(
        &mut self,
        tenant: &Arc<Tenant>,
        pattern: &str,
        since: AskedSince,
    ) -> Result<(), Error> {
        self.is_open()?;
        let name = pattern_name(&tenant.config, pattern)?;
        let since = match since {
            AskedSince::Now => Since::Now,
            AskedSince::Last(count) => Since::Last(count),
            AskedSince::After(position) => Since::After(position.parse()?),
        };
        if since != Since::Now && subject::has_wildcard(pattern) {
            return Err(Error::Invalid("a pattern with wildcards has no history".into()));
        }
        if self.ties.patterns.contains(&name) {
            return Ok(());
        }
        self.one_more_subscription(tenant)?;
        self.reserve(&tenant.config, 0)?;
        self.take(tenant, &[(Kind::Subscription, 1)])?;
        self.ties.patterns.insert(name.clone());
        self.effects.push(Effect::Subscribe(name, since));
        Ok(())
    }

    pub(in crate::sandbox) fn one_more_subscription(&self, tenant: &Tenant) -> Result<(), Error> {
        let count = self.ties.patterns.len() + self.ties.watched.len();
        if count >= tenant.config.subscriptions_max {
            return Err(Error::Limit("subscriptions_max".into()));
        }
        Ok(())
    }

    /// Asks for the end of a subscription.
    pub(in crate::sandbox) fn unsubscribe(
        &mut self,
        tenant: &Arc<Tenant>,
        pattern: &str,
    ) -> Result<(), Error> {
        self.is_open()?;
        let pattern = pattern_name(&tenant.config, pattern)?;
        self.give_back(tenant, |ties| &mut ties.patterns, pattern, Effect::Unsubscribe)
    }

    /// The connection of this id, if a payload of this length can be given to its node
    /// now.
    fn reachable(&self, id: &str, payload: usize) -> Result<ConnectionId, Error> {
        let id = id.parse()?;
        let Some(Seat { hub, .. }) = &self.seat else { return Ok(id) };
        if !hub.reaches(id) {
            return Err(Error::Unavailable("the connection's node".into()));
        }
        if hub.is_too_long(Some(id), payload) {
            return Err(Error::Limit(NODES_LIMIT.into()));
        }
        Ok(id)
    }
}

/// Checks the name of a topic.
///
/// # Errors
/// One that is too long or has too many tokens, or is none.
pub fn topic_name(config: &Config, topic: &str) -> Result<Arc<str>, Error> {
    subject_name(config, topic, subject::check_topic)
}

fn pattern_name(config: &Config, pattern: &str) -> Result<Arc<str>, Error> {
    subject_name(config, pattern, subject::check_pattern)
}

fn subject_name(
    config: &Config,
    name: &str,
    check: fn(&str) -> Result<(), InvalidSubject>,
) -> Result<Arc<str>, Error> {
    if name.len() > config.topic_max_bytes {
        return Err(Error::Limit("topic_max_bytes".into()));
    }
    if subject::token_count(name) > config.topic_tokens_max {
        return Err(Error::Limit("topic_tokens_max".into()));
    }
    check(name)?;
    Ok(name.into())
}

macro_rules! invalid {
    ($($error:ty),*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::Invalid(error.to_string())
            }
        }
    )*};
}
invalid!(InvalidId, InvalidSubject, InvalidPosition, PayloadTooLong);
