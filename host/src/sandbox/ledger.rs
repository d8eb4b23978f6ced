//! What one connection holds of the host, and what its handler asks for.
//!
//! Host calls write here and nowhere else. The connection carries out the
//! effects once the callback has returned; a callback that traps has had none.

mod asking;

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    bindings::wshost::handler::types::ErrorResult as Error,
    holding::{Amounts, Holding, Kind},
    log::Lines,
    timers::{Alarm, Fired, Timers},
};
pub use asking::topic_name;

use crate::{
    config::Config,
    messaging::{ConnectionId, Content, Hub, Mail, Since, Ties},
    tenant::Tenant,
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
    /// Be told of a connection's end.
    Monitor(ConnectionId),
    /// Not any more.
    Demonitor(ConnectionId),
    /// Ask one connection something.
    Call {
        /// Whom.
        to: ConnectionId,
        /// The call's number.
        call: u64,
        /// What.
        payload: Bytes,
    },
    /// Answer.
    Reply {
        /// Whom.
        to: ConnectionId,
        /// The number that the call has there.
        call: u64,
        /// What.
        payload: Bytes,
    },
    /// Publish to a topic.
    Publish {
        /// To which.
        topic: Arc<str>,
        /// What.
        content: Content,
        /// Whether the publisher, if subscribed, gets it too.
        to_self: bool,
    },
    /// Subscribe to the topics of a pattern.
    Subscribe(Arc<str>, Since),
    /// End a subscription.
    Unsubscribe(Arc<str>),
    /// Be present on a topic, with this metadata.
    Enter(Arc<str>, Box<str>),
    /// Not any more.
    Leave(Arc<str>),
}

/// A connection's place among the others of its plugin.
#[derive(Clone, Debug)]
pub struct Seat {
    /// How it reaches them.
    pub hub: Arc<Hub>,
    /// Which it is.
    pub id: ConnectionId,
}

/// See the module.
#[derive(Debug)]
pub struct Ledger {
    /// Where the connection is in its life.
    pub phase: Phase,
    /// Its timers, those of its calls too.
    pub timers: Timers,
    /// What it has among the others, as if `effects` were done.
    pub ties: Ties,
    /// Its place among the others; none before it is open.
    seat: Option<Seat>,
    /// Its log, while its instance sleeps and something in it is not finished.
    pub(super) log: Option<Box<Lines>>,
    pub(super) effects: Vec<Effect>,
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
            ties: Ties::default(),
            seat: None,
            log: None,
            effects: Vec::new(),
            effects_bytes: 0,
            holding: Holding::default(),
        }
    }
}

impl Ledger {
    /// Begins anew for another connection. It [holds nothing](Self::holds_nothing).
    pub(super) fn forget(&mut self) {
        self.phase = Phase::Init;
        self.timers = Timers::default();
        self.seat = None;
    }

    /// Goes on for an open connection that holds nothing, and has started so many
    /// timers.
    pub fn go_on(&mut self, last_timer: u64, seat: Seat) {
        self.timers = Timers::after(last_timer);
        self.open(seat);
    }

    /// From here on the handler can ask for everything.
    pub fn open(&mut self, seat: Seat) {
        self.phase = Phase::Open;
        self.seat = Some(seat);
    }

    /// Whether there is nothing in it but how many timers there were.
    #[must_use]
    pub fn holds_nothing(&self) -> bool {
        self.timers.is_empty()
            && self.ties.is_empty()
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

    /// Counts what it has against the totals of another version of its plugin from now
    /// on.
    pub(super) fn move_to(&mut self, tenant: &Arc<Tenant>) {
        self.holding.move_to(tenant, self.amounts());
    }

    /// Starts a timer.
    pub(super) fn start_timer(
        &mut self,
        tenant: &Arc<Tenant>,
        ms: u64,
        payload: Vec<u8>,
    ) -> Result<u64, Error> {
        self.is_open()?;
        let after = duration("a timer", ms)?;
        let config = &tenant.config;
        if payload.len() > config.payload_max_bytes {
            return Err(Error::Limit("payload_max_bytes".into()));
        }
        if self.timers.len() - self.timers.calls() >= config.timers_max {
            return Err(Error::Limit("timers_max".into()));
        }
        if self.timers.bytes() + payload.len() > config.timers_max_bytes {
            return Err(Error::Limit("timers_max_bytes".into()));
        }
        self.take(tenant, &[(Kind::Timer, 1), (Kind::TimerByte, payload.len())])?;
        Ok(self.timers.start(after, Alarm::Payload(payload.into())))
    }

    /// Takes a timer whose time has come.
    pub fn fire(&mut self, now: Instant) -> Option<Fired> {
        let fired = self.timers.fire(now);
        self.holding.settle(self.amounts());
        fired
    }

    /// Whether a message is still wanted, now that it has arrived: what it was asked for
    /// by may be taken back, or done, or late. One that comes once won't be waited for
    /// any more.
    pub fn admits(&mut self, mail: &Mail) -> bool {
        let admits = match mail {
            Mail::Direct { .. } | Mail::Operator { .. } | Mail::Call { .. } => return true,
            Mail::Published { topic, .. } => return self.ties.subscribed(topic),
            Mail::Gap { topic } => return self.ties.patterns.contains(topic),
            Mail::Presence { topic, .. } => return self.ties.watched.contains(topic),
            Mail::Down { id, .. } => self.ties.monitored.remove(id),
            Mail::Reply { call, .. } => self.timers.answered(*call),
        };
        self.holding.settle(self.amounts());
        admits
    }

    /// Takes so much more of the plugin's totals.
    pub(super) fn take(
        &mut self,
        tenant: &Arc<Tenant>,
        more: &[(Kind, usize)],
    ) -> Result<(), Error> {
        self.holding.take(tenant, self.amounts(), more)
    }

    /// What counts against its plugin's totals.
    fn amounts(&self) -> Amounts {
        let Ties { patterns, watched, present, names, monitored } = &self.ties;
        Kind::ALL.map(|kind| match kind {
            Kind::Timer => self.timers.len(),
            Kind::TimerByte => self.timers.bytes(),
            Kind::Subscription => patterns.len() + watched.len(),
            Kind::Monitor => monitored.len(),
            Kind::Name => names.len(),
            Kind::Presence => present.len(),
        })
    }

    /// Asks for the end of one of its ties, if it has it.
    pub(super) fn give_back<T: Ord>(
        &mut self,
        tenant: &Tenant,
        ties: fn(&mut Ties) -> &mut BTreeSet<T>,
        tie: T,
        effect: fn(T) -> Effect,
    ) -> Result<(), Error> {
        if ties(&mut self.ties).contains(&tie) {
            self.reserve(&tenant.config, 0)?;
            ties(&mut self.ties).remove(&tie);
            self.effects.push(effect(tie));
        }
        Ok(())
    }

    fn not_in_init(&self) -> Result<(), Error> {
        if self.phase == Phase::Init { Err(Error::NotOpen) } else { Ok(()) }
    }

    pub(super) fn is_open(&self) -> Result<(), Error> {
        if self.phase == Phase::Open { Ok(()) } else { Err(Error::NotOpen) }
    }

    /// The connection's place, where it isn't in `init`.
    pub(super) fn seat(&self) -> Result<&Seat, Error> {
        self.not_in_init()?;
        self.seat.as_ref().ok_or(Error::NotOpen)
    }

    /// Counts one more effect against the limits of a callback.
    pub(super) fn reserve(&mut self, config: &Config, payload: usize) -> Result<(), Error> {
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

fn duration(what: &str, ms: u64) -> Result<Duration, Error> {
    if (1..=TIMER_MAX_MS).contains(&ms) {
        return Ok(Duration::from_millis(ms));
    }
    Err(Error::Invalid(format!("{what} is set to 1 to {TIMER_MAX_MS} ms, not {ms}")))
}

#[cfg(test)]
mod tests;
