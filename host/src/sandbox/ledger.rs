//! What one connection holds of the host, and what its handler asks for.
//!
//! Host calls write here and nowhere else. The connection carries out the
//! effects once the callback has returned; a callback that traps has had none.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    bindings::wshost::handler::types::{ErrorResult as Error, FrameResult as Frame},
    holding::{Amounts, Holding},
    log::GuestLog,
    timers::{Fired, Timers},
};
use crate::{
    config::Config,
    messaging::ConnectionId,
    tenant::Tenant,
    websocket::{self, ControlPayload},
};

/// Where a connection is in its life, as far as host calls go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// In `init`: nothing can be asked for.
    Init,
    /// Open: everything can.
    Open,
    /// In `terminate`: others can be told, nothing comes back.
    Ending,
}

/// What is published.
#[derive(Clone, Debug)]
pub enum Publication {
    /// A frame, for sockets.
    Frame(websocket::Message),
    /// A message, for `info`.
    Message(Bytes),
}

/// What a callback asked for, to be done behind its frames.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Send a message to one connection.
    Send {
        /// To whom.
        to: ConnectionId,
        /// What.
        payload: Bytes,
    },
    /// Publish to a topic.
    Publish {
        /// To which.
        topic: Arc<str>,
        /// What.
        what: Publication,
        /// Whether the publisher, if subscribed, gets it too.
        to_self: bool,
    },
    /// Subscribe to a topic.
    Subscribe(Arc<str>),
    /// End a subscription.
    Unsubscribe(Arc<str>),
}

/// See the module.
#[derive(Debug)]
pub struct Ledger {
    /// Where the connection is in its life.
    pub phase: Phase,
    /// Its timers.
    pub timers: Timers,
    /// The topics it is subscribed to, those of `effects` counted.
    pub topics: BTreeSet<Arc<str>>,
    /// Its log, while its instance sleeps and something in it is not finished.
    pub(super) log: Option<Arc<GuestLog>>,
    effects: Vec<Effect>,
    effects_bytes: usize,
    holding: Holding,
}

/// Longest time a timer can be set to: about 100 years, which no clock overflows.
const TIMER_MAX_MS: u64 = 100 * 365 * 24 * 3_600_000;

impl Default for Ledger {
    fn default() -> Self {
        Self {
            phase: Phase::Init,
            timers: Timers::default(),
            topics: BTreeSet::new(),
            log: None,
            effects: Vec::new(),
            effects_bytes: 0,
            holding: Holding::default(),
        }
    }
}

impl Ledger {
    /// One of an open connection that holds nothing, and has started so many
    /// timers.
    #[must_use]
    pub fn after(last_timer: u64) -> Self {
        Self { phase: Phase::Open, timers: Timers::after(last_timer), ..Self::default() }
    }

    /// Whether there is nothing in it but how many timers there were.
    #[must_use]
    pub fn holds_nothing(&self) -> bool {
        self.timers.is_empty()
            && self.topics.is_empty()
            && self.effects.is_empty()
            && self.log.is_none()
    }

    /// Takes what the callback asked for, and lets its timers run.
    pub fn commit(&mut self, now: impl FnOnce() -> Instant) -> Vec<Effect> {
        self.timers.commit(now);
        self.holding.settle(self.amounts());
        self.effects_bytes = 0;
        std::mem::take(&mut self.effects)
    }

    /// Asks for a message to one connection.
    pub(super) fn send(
        &mut self,
        tenant: &Arc<Tenant>,
        to: &str,
        payload: Vec<u8>,
    ) -> Result<(), Error> {
        self.not_in_init()?;
        let to = to
            .parse()
            .map_err(|error: crate::messaging::InvalidId| Error::Invalid(error.to_string()))?;
        self.reserve(&tenant.config, payload.len())?;
        self.effects.push(Effect::Send { to, payload: payload.into() });
        Ok(())
    }

    /// Asks for a frame to a topic.
    pub(super) fn publish_frame(
        &mut self,
        tenant: &Arc<Tenant>,
        topic: &str,
        frame: Frame,
        to_self: bool,
    ) -> Result<(), Error> {
        let control = |payload: Vec<u8>| {
            ControlPayload::new(payload).map_err(|error| Error::Invalid(error.to_string()))
        };
        let frame = match frame {
            Frame::Text(text) => websocket::Message::Text(text.into()),
            Frame::Binary(data) => websocket::Message::Binary(data.into()),
            Frame::Ping(data) => websocket::Message::Ping(control(data)?),
            Frame::Pong(data) => websocket::Message::Pong(control(data)?),
        };
        let bytes = frame.len_bytes();
        self.publish(tenant, topic, Publication::Frame(frame), bytes, to_self)
    }

    /// Asks for a message to a topic.
    pub(super) fn publish_message(
        &mut self,
        tenant: &Arc<Tenant>,
        topic: &str,
        payload: Vec<u8>,
        to_self: bool,
    ) -> Result<(), Error> {
        let bytes = payload.len();
        self.publish(tenant, topic, Publication::Message(payload.into()), bytes, to_self)
    }

    fn publish(
        &mut self,
        tenant: &Arc<Tenant>,
        topic: &str,
        what: Publication,
        bytes: usize,
        to_self: bool,
    ) -> Result<(), Error> {
        self.not_in_init()?;
        let topic = topic_name(&tenant.config, topic)?;
        self.reserve(&tenant.config, bytes)?;
        self.effects.push(Effect::Publish { topic, what, to_self });
        Ok(())
    }

    /// Asks for a subscription.
    pub(super) fn subscribe(&mut self, tenant: &Arc<Tenant>, topic: &str) -> Result<(), Error> {
        self.open()?;
        let topic = topic_name(&tenant.config, topic)?;
        if self.topics.contains(&topic) {
            return Ok(());
        }
        if self.topics.len() >= tenant.config.subscriptions_max {
            return Err(Error::Limit("subscriptions_max".into()));
        }
        self.reserve(&tenant.config, 0)?;
        self.holding.take(tenant, self.amounts(), [0, 0, 1])?;
        self.topics.insert(topic.clone());
        self.effects.push(Effect::Subscribe(topic));
        Ok(())
    }

    /// Asks for the end of a subscription.
    pub(super) fn unsubscribe(&mut self, tenant: &Arc<Tenant>, topic: &str) -> Result<(), Error> {
        self.open()?;
        let topic = topic_name(&tenant.config, topic)?;
        if self.topics.contains(&topic) {
            self.reserve(&tenant.config, 0)?;
            self.topics.remove(&topic);
            self.effects.push(Effect::Unsubscribe(topic));
        }
        Ok(())
    }

    /// Starts a timer.
    pub(super) fn start_timer(
        &mut self,
        tenant: &Arc<Tenant>,
        ms: u64,
        payload: Vec<u8>,
    ) -> Result<u64, Error> {
        self.open()?;
        if !(1..=TIMER_MAX_MS).contains(&ms) {
            return Err(Error::Invalid(format!(
                "a timer is set to 1 to {TIMER_MAX_MS} ms, not {ms}"
            )));
        }
        let config = &tenant.config;
        if payload.len() > config.payload_max_bytes {
            return Err(Error::Limit("payload_max_bytes".into()));
        }
        if self.timers.len() >= config.timers_max {
            return Err(Error::Limit("timers_max".into()));
        }
        if self.timers.bytes() + payload.len() > config.timers_max_bytes {
            return Err(Error::Limit("timers_max_bytes".into()));
        }
        self.holding.take(tenant, self.amounts(), [1, payload.len(), 0])?;
        Ok(self.timers.start(Duration::from_millis(ms), payload))
    }

    /// Takes a timer whose time has come.
    pub fn fire(&mut self, now: Instant) -> Option<Fired> {
        let fired = self.timers.fire(now);
        self.holding.settle(self.amounts());
        fired
    }

    /// What counts against its plugin's totals.
    fn amounts(&self) -> Amounts {
        [self.timers.len(), self.timers.bytes(), self.topics.len()]
    }

    fn not_in_init(&self) -> Result<(), Error> {
        if self.phase == Phase::Init { Err(Error::NotOpen) } else { Ok(()) }
    }

    fn open(&self) -> Result<(), Error> {
        if self.phase == Phase::Open { Ok(()) } else { Err(Error::NotOpen) }
    }

    /// Counts one more effect against the limits of a callback.
    fn reserve(&mut self, config: &Config, payload: usize) -> Result<(), Error> {
        if payload > config.payload_max_bytes {
            return Err(Error::Limit("payload_max_bytes".into()));
        }
        if self.effects.len() >= config.effects_max {
            return Err(Error::Limit("effects_max".into()));
        }
        if self.effects_bytes + payload > config.effects_max_bytes {
            return Err(Error::Limit("effects_max_bytes".into()));
        }
        self.effects_bytes += payload;
        Ok(())
    }
}

/// Checks the name of a topic.
///
/// # Errors
/// One that is too long, empty, or has control characters.
pub fn topic_name(config: &Config, topic: &str) -> Result<Arc<str>, Error> {
    if topic.len() > config.topic_max_bytes {
        return Err(Error::Limit("topic_max_bytes".into()));
    }
    if topic.is_empty() || topic.chars().any(char::is_control) {
        return Err(Error::Invalid(
            "a topic's name is not empty and has no control characters".into(),
        ));
    }
    Ok(topic.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::Total;

    fn open() -> Ledger {
        Ledger { phase: Phase::Open, ..Ledger::default() }
    }

    #[test]
    fn nothing_can_be_asked_for_in_init() {
        let (tenant, mut ledger) = (Tenant::test(Config::default()), Ledger::default());
        let id = ConnectionId::random().to_string();
        assert!(matches!(ledger.send(&tenant, &id, vec![]), Err(Error::NotOpen)));
        assert!(matches!(ledger.subscribe(&tenant, "a"), Err(Error::NotOpen)));
        assert!(matches!(ledger.start_timer(&tenant, 1, vec![]), Err(Error::NotOpen)));
        assert!(ledger.commit(Instant::now).is_empty());
    }

    #[test]
    fn terminate_can_tell_others_only() {
        let (tenant, mut ledger) = (Tenant::test(Config::default()), open());
        ledger.phase = Phase::Ending;
        assert!(ledger.publish_message(&tenant, "a", vec![], false).is_ok());
        assert!(matches!(ledger.subscribe(&tenant, "a"), Err(Error::NotOpen)));
        assert!(matches!(ledger.start_timer(&tenant, 1, vec![]), Err(Error::NotOpen)));
    }

    #[test]
    fn what_is_not_valid_is_refused() {
        let (tenant, mut ledger) = (Tenant::test(Config::default()), open());
        assert!(matches!(ledger.send(&tenant, "me", vec![]), Err(Error::Invalid(_))));
        assert!(matches!(ledger.subscribe(&tenant, ""), Err(Error::Invalid(_))));
        assert!(matches!(ledger.subscribe(&tenant, "a\nb"), Err(Error::Invalid(_))));
        assert!(matches!(ledger.start_timer(&tenant, 0, vec![]), Err(Error::Invalid(_))));
        assert!(matches!(ledger.start_timer(&tenant, u64::MAX, vec![]), Err(Error::Invalid(_))));
        let ping = Frame::Ping(vec![0; 126]);
        assert!(matches!(ledger.publish_frame(&tenant, "a", ping, false), Err(Error::Invalid(_))));
        assert!(ledger.commit(Instant::now).is_empty());
    }

    #[test]
    fn every_limit_is_named() {
        let mut config = Config::default();
        for setting in [
            "effects_max=2",
            "effects_max_bytes=10",
            "payload_max_bytes=8",
            "subscriptions_max=1",
            "timers_max=1",
            "topic_max_bytes=3",
        ] {
            config.set(setting).unwrap();
        }
        let tenant = Tenant::test(config);
        let name = |result: Result<(), Error>| match result {
            Err(Error::Limit(name)) => name,
            other => panic!("{other:?} is no limit"),
        };
        let mut ledger = open();
        assert_eq!(name(ledger.subscribe(&tenant, "long")), "topic_max_bytes");
        ledger.subscribe(&tenant, "a").unwrap();
        ledger.subscribe(&tenant, "a").unwrap();
        assert_eq!(name(ledger.subscribe(&tenant, "b")), "subscriptions_max");
        assert_eq!(
            name(ledger.publish_message(&tenant, "a", vec![0; 9], true)),
            "payload_max_bytes"
        );
        ledger.publish_message(&tenant, "a", vec![0; 8], true).unwrap();
        assert_eq!(name(ledger.publish_message(&tenant, "a", vec![], true)), "effects_max");
        assert_eq!(ledger.commit(Instant::now).len(), 2);
        ledger.publish_message(&tenant, "a", vec![0; 8], true).unwrap();
        assert_eq!(
            name(ledger.publish_message(&tenant, "a", vec![0; 8], true)),
            "effects_max_bytes"
        );
        ledger.start_timer(&tenant, 1, vec![]).unwrap();
        assert_eq!(name(ledger.start_timer(&tenant, 1, vec![]).map(drop)), "timers_max");
    }

    #[test]
    fn what_a_plugin_has_in_all_is_limited_too() {
        let mut config = Config::default();
        for setting in
            ["plugin_timers_max=2", "plugin_timers_max_bytes=9", "plugin_subscriptions_max=2"]
        {
            config.set(setting).unwrap();
        }
        let tenant = Tenant::test(config);
        let (mut first, mut second) = (open(), open());
        first.start_timer(&tenant, 1, vec![0; 5]).unwrap();
        assert!(matches!(second.start_timer(&tenant, 1, vec![0; 5]), Err(Error::Limit(_))));
        let timer = second.start_timer(&tenant, 1, vec![0; 4]).unwrap();
        assert!(matches!(first.start_timer(&tenant, 1, vec![]), Err(Error::Limit(_))));
        second.timers.cancel(timer);
        second.commit(Instant::now);
        first.start_timer(&tenant, 1, vec![0; 4]).unwrap();
        first.commit(Instant::now);
        let later = Instant::now() + Duration::from_millis(2);
        assert!(first.fire(later).is_some());
        assert_eq!(tenant.totals.timers.used(), 1);

        first.subscribe(&tenant, "a").unwrap();
        second.subscribe(&tenant, "a").unwrap();
        assert!(matches!(second.subscribe(&tenant, "b"), Err(Error::Limit(_))));
        drop(first);
        second.subscribe(&tenant, "b").unwrap();
        drop(second);
        let totals = &tenant.totals;
        let used = [&totals.timers, &totals.timer_bytes, &totals.subscriptions].map(Total::used);
        assert_eq!(used, [0, 0, 0]);
    }
}
