//! A connection under test.

use std::collections::BTreeSet;

use super::host::{Host, Phase};
use super::others::Others;
use super::stores::Stores;
use super::{Accepted, Effect, Timer};
use crate::{
    Accept, ConnectionId, Frame, Handler, Message, Outcome, Reason, Reply, Request, Response,
    TimerId,
};
use crate::{ControlPayload, logging};

/// A connection under test: give it events, and look at what comes of them.
///
/// As with the host, the handler is not called for what it does not want, nor
/// for anything but [`terminate`](Self::terminate) once it has closed the
/// connection. The [`Effect`] is empty then.
#[derive(Debug)]
pub struct Connection<H> {
    handler: H,
    accepted: Accepted,
    opened: Effect,
    host: Host,
    /// Whether the handler has closed the connection.
    closing: bool,
}

impl<H: Handler> Connection<H> {
    pub(super) fn new(request: Request, stores: Stores, others: Others) -> Result<Self, Response> {
        logging::install();
        let id = Some(request.id.clone());
        let mut host = Host { stores, others, id, ..Host::default() };
        let accept = host.run(|| H::init(request))?;
        let mut connection = Self::accepted_as(accept, host);
        let wanted = connection.accepted.options.callbacks.opened;
        connection.opened = connection.run(|handler| match wanted {
            true => handler.opened().into_outcome(),
            false => Outcome::new(),
        });
        Ok(connection)
    }

    pub(super) fn restored(
        request: Request,
        stores: Stores,
        others: Others,
        state: Vec<u8>,
        from_version: &str,
    ) -> Result<Self, String> {
        logging::install();
        let id = Some(request.id.clone());
        let mut host = Host { stores, others, id, ..Host::default() };
        let accept = host.run(|| H::restore(request, state, from_version.to_owned()))?;
        let mut connection = Self::accepted_as(accept, host);
        connection.opened = connection.run(|_| Outcome::new());
        Ok(connection)
    }

    fn accepted_as(accept: Accept<H>, mut host: Host) -> Self {
        host.phase = Phase::Open;
        Self {
            handler: accept.state,
            accepted: Accepted {
                subprotocol: accept.subprotocol,
                headers: accept.headers,
                options: accept.options,
            },
            opened: Effect::default(),
            host,
            closing: false,
        }
    }

    /// How the handler accepted.
    pub fn accepted(&self) -> &Accepted {
        &self.accepted
    }

    /// What `opened` did; its calls begin with what `init` or `restore` logged.
    pub fn opened(&self) -> &Effect {
        &self.opened
    }

    /// The handler: its state.
    pub fn handler(&self) -> &H {
        &self.handler
    }

    /// The timers that run, in the order they were started.
    pub fn timers(&self) -> &[Timer] {
        &self.host.timers
    }

    /// The patterns subscribed to.
    pub fn subscriptions(&self) -> &BTreeSet<String> {
        &self.host.subscriptions
    }

    /// What it says of itself on a topic where it is present.
    pub fn metadata(&self, topic: &str) -> Option<&str> {
        let present = self.host.others.present.get(topic)?.get(self.host.id.as_ref()?)?;
        Some(&present.metadata)
    }

    /// Whose a name is.
    pub fn named(&self, name: &str) -> Option<&ConnectionId> {
        self.host.others.named(name)
    }

    /// The value of a key in a key-value store.
    pub fn value(&self, store: &str, key: &str) -> Option<&[u8]> {
        self.host.stores.get(store)?.get(key).map(Vec::as_slice)
    }

    /// Sets the value of a key in a key-value store, as another connection does.
    pub fn set_value(&mut self, store: &str, key: &str, value: impl Into<Vec<u8>>) {
        let store = self.host.stores.entry(store.to_owned()).or_default();
        store.insert(key.to_owned(), value.into());
    }

    /// Receives text.
    pub fn text(&mut self, text: impl Into<String>) -> Effect {
        self.frame(Frame::Text(text.into()))
    }

    /// Receives bytes.
    pub fn binary(&mut self, data: impl Into<Vec<u8>>) -> Effect {
        self.frame(Frame::Binary(data.into()))
    }

    /// Receives a ping.
    pub fn ping(&mut self, payload: impl Into<ControlPayload>) -> Effect {
        self.frame(Frame::Ping(payload.into()))
    }

    /// Receives a frame.
    pub fn frame(&mut self, frame: Frame) -> Effect {
        self.frames(vec![frame])
    }

    /// Receives frames that arrive at once. Pings and pongs are left out where
    /// the handler leaves them to the host.
    pub fn frames(&mut self, mut frames: Vec<Frame>) -> Effect {
        let options = &self.accepted.options;
        if !options.control_frames {
            frames.retain(|frame| matches!(frame, Frame::Text(_) | Frame::Binary(_)));
        }
        if frames.is_empty() || !options.callbacks.frames || self.closing {
            return Effect::default();
        }
        self.run(|handler| handler.frames(frames).into_outcome())
    }

    /// Gets a message.
    pub fn info(&mut self, message: Message) -> Effect {
        if !self.accepted.options.callbacks.info || self.closing {
            return Effect::default();
        }
        self.run(|handler| handler.info(message).into_outcome())
    }

    /// Has this timer fire.
    ///
    /// # Panics
    ///
    /// Where it does not run.
    #[track_caller]
    pub fn fire(&mut self, timer: TimerId) -> Effect {
        let at = self.timers().iter().position(|other| other.id == timer);
        let timer = self.host.timers.remove(at.expect("this timer runs"));
        self.info(Message::Timer { id: timer.id, payload: timer.payload })
    }

    /// Ends the connection for this reason. What `terminate` asked of the host
    /// is in the effect's calls.
    pub fn terminate(mut self, reason: Reason) -> Effect {
        self.host.phase = Phase::Terminate;
        if !self.accepted.options.callbacks.terminate {
            return Effect::default();
        }
        self.run(|handler| {
            handler.terminate(reason);
            Outcome::new()
        })
    }

    /// Asks for the state to give to another version.
    pub fn save(&mut self) -> Option<Vec<u8>> {
        let Self { handler, host, .. } = self;
        host.run(|| handler.save())
    }

    /// Runs a callback, and takes what it did.
    fn run(&mut self, callback: impl FnOnce(&mut H) -> Outcome) -> Effect {
        let Self { handler, host, .. } = self;
        let outcome = host.run(|| callback(handler));
        self.closing |= outcome.is_closing();
        Effect { outcome, calls: std::mem::take(&mut self.host.calls) }
    }
}
