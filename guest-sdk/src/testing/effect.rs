//! What a callback did.

use std::time::Duration;

use log::Level;

use crate::presence::WatchAs;
use crate::topics::{Audience, Since};
use crate::{CallId, Command, ConnectionId, Fields, Frame, Options, Outcome, TimerId};

/// What one callback did: what it returned, and what it asked of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// What it returned.
    pub outcome: Outcome,
    /// What it asked of the host, in order, what failed left out.
    pub calls: Vec<Call>,
}

impl Effect {
    /// The commands returned.
    pub fn commands(&self) -> &[Command] {
        self.outcome.commands()
    }

    /// The frames returned.
    pub fn frames(&self) -> Vec<Frame> {
        let frame = |command: &Command| match command {
            Command::Send(frame) => Some(frame.clone()),
            _ => None,
        };
        self.commands().iter().filter_map(frame).collect()
    }

    /// The text of the text frames returned.
    pub fn texts(&self) -> Vec<&str> {
        let text = |command| match command {
            &Command::Send(Frame::Text(ref text)) => Some(text.as_str()),
            _ => None,
        };
        self.commands().iter().filter_map(text).collect()
    }

    /// Whether it ends the connection.
    pub fn is_closing(&self) -> bool {
        self.outcome.is_closing()
    }

    /// Whether it asks for hibernation.
    pub fn hibernates(&self) -> bool {
        self.outcome.hibernates()
    }
}

/// Something asked of the host that it agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`connections::send`](crate::connections::send).
    Send {
        /// To whom.
        to: ConnectionId,
        /// What.
        payload: Vec<u8>,
    },
    /// [`connections::monitor`](crate::connections::monitor).
    Monitor(ConnectionId),
    /// [`connections::demonitor`](crate::connections::demonitor).
    Demonitor(ConnectionId),
    /// [`connections::call`](crate::connections::call).
    Call {
        /// Whom.
        to: ConnectionId,
        /// The call's number.
        id: CallId,
        /// What is asked.
        payload: Vec<u8>,
        /// How long the answer is waited for, from the end of the callback.
        timeout: Duration,
    },
    /// [`connections::reply`](crate::connections::reply).
    Reply {
        /// To whom.
        to: ConnectionId,
        /// To which call.
        call: CallId,
        /// The answer.
        payload: Vec<u8>,
    },
    /// [`names::register`](crate::names::register), with success.
    Register(String),
    /// [`names::unregister`](crate::names::unregister), with success.
    Unregister(String),
    /// [`presence::enter`](crate::presence::enter).
    Enter {
        /// Where.
        topic: String,
        /// What it says of itself.
        metadata: String,
    },
    /// [`presence::leave`](crate::presence::leave).
    Leave(String),
    /// [`presence::watch`](crate::presence::watch).
    Watch(String, WatchAs),
    /// [`presence::unwatch`](crate::presence::unwatch).
    Unwatch(String),
    /// [`topics::subscribe`](crate::topics::subscribe) to this pattern.
    Subscribe(String),
    /// [`topics::subscribe_since`](crate::topics::subscribe_since) to this topic.
    SubscribeSince(String, Since),
    /// [`topics::unsubscribe`](crate::topics::unsubscribe) from this pattern.
    Unsubscribe(String),
    /// [`topics::publish`](crate::topics::publish).
    Publish {
        /// Where.
        topic: String,
        /// What.
        frame: Frame,
        /// To whom.
        to: Audience,
    },
    /// [`topics::publish_message`](crate::topics::publish_message).
    PublishMessage {
        /// Where.
        topic: String,
        /// What.
        payload: Vec<u8>,
        /// To whom.
        to: Audience,
    },
    /// [`timers::start`](crate::timers::start).
    StartTimer(Timer),
    /// [`timers::cancel`](crate::timers::cancel) of a timer that was running.
    CancelTimer(TimerId),
    /// A line for the log.
    Log {
        /// How important.
        level: Level,
        /// From where: the module's path, unless it was named.
        target: String,
        /// The line.
        message: String,
    },
}

/// A timer that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Its id.
    pub id: TimerId,
    /// When it fires, counted from the end of the callback that started it.
    pub after: Duration,
    /// What it delivers.
    pub payload: Vec<u8>,
}

/// How the handler accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The subprotocol picked.
    pub subprotocol: Option<String>,
    /// The header fields added.
    pub headers: Fields,
    /// The connection's options.
    pub options: Options,
}
