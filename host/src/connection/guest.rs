//! The handler's side of a connection, and the calls into it.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    time::Instant,
};

use smallvec::SmallVec;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::OwnedSemaphorePermit,
};

use super::{Connection, ending::Ending, wire::Wire};
use crate::{
    config::Config,
    messaging::{Mail, Mailbox, Urgent},
    sandbox::{
        Effect, Instance, Ledger, Phase,
        timers::Fired,
        types::{self, Callbacks, FrameParam},
    },
    websocket::Message,
};

/// An instance, and the place it takes among all that there may be.
pub struct Guest {
    // Dropped in this order: the place is free when the instance is gone.
    instance: Instance,
    _place: OwnedSemaphorePermit,
}

impl Guest {
    /// Puts an instance in its place.
    #[must_use]
    pub fn new(instance: Instance, place: OwnedSemaphorePermit) -> Self {
        Self { instance, _place: place }
    }

    /// The instance.
    pub fn instance(&mut self) -> &mut Instance {
        &mut self.instance
    }

    /// What the connection holds of the host.
    pub(super) fn ledger(&mut self) -> &mut Ledger {
        self.instance.ledger()
    }

    /// From here on the handler can ask for everything.
    pub(super) fn open(&mut self) {
        self.ledger().phase = Phase::Open;
    }

    /// Takes what a callback asked for.
    pub(super) fn commit(&mut self) -> Vec<Effect> {
        self.ledger().commit(Instant::now)
    }
}

/// Runs a callback, and meanwhile serves the socket: what is queued is written,
/// pings are answered, some is read ahead. Frames published for `mailbox` are
/// passed on: what the callback returns comes behind them.
pub(super) async fn drive<S, F>(
    wire: &mut Wire<S>,
    config: &Config,
    mailbox: Option<&Mailbox>,
    call: F,
) -> F::Output
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future,
{
    let mut call = pin!(call);
    poll_fn(|cx| {
        let called = call.as_mut().poll(cx);
        if called.is_pending() {
            wire.pump(cx, config);
            while let Some(room) = wire.room(config)
                && let Some(Urgent::Frames(frames)) =
                    mailbox.and_then(|mailbox| mailbox.poll_urgent(cx, room))
            {
                frames.iter().for_each(|frame| wire.push_shared(frame));
                wire.pump(cx, config);
            }
        }
        called
    })
    .await
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    pub(super) async fn opened(&mut self) -> Result<(), Ending> {
        let outcome = drive(&mut self.wire, &self.config, None, self.guest.instance.opened()).await;
        self.carry_out("opened", outcome.map_err(|error| Ending::Call("opened", error))?).await
    }

    pub(super) async fn frames(&mut self, messages: &[Message]) -> Result<(), Ending> {
        if !self.options.callbacks.contains(Callbacks::FRAMES) {
            return Ok(());
        }
        let frames: SmallVec<[FrameParam<'_>; 1]> = messages.iter().filter_map(frame).collect();
        let outcome = drive(
            &mut self.wire,
            &self.config,
            Some(&self.mailbox),
            self.guest.instance.frames(&frames),
        )
        .await;
        self.carry_out("frames", outcome.map_err(|error| Ending::Call("frames", error))?).await
    }

    pub(super) async fn mail(&mut self, mail: Mail) -> Result<(), Ending> {
        match mail {
            Mail::Direct { from, payload } => {
                let (sender, payload) = (&*from.to_string(), &*payload);
                self.info(types::Message::Direct(types::DirectMessage { sender, payload })).await
            }
            Mail::Published { topic, from, payload } => {
                let sender = from.to_string();
                let message =
                    types::TopicMessage { topic: &topic, sender: Some(&sender), payload: &payload };
                self.info(types::Message::Published(message)).await
            }
        }
    }

    pub(super) async fn timer(&mut self, timer: Fired) -> Result<(), Ending> {
        if !self.options.callbacks.contains(Callbacks::INFO) {
            return Ok(());
        }
        let event = types::TimerEvent { id: timer.id, payload: &timer.payload };
        self.info(types::Message::Timer(event)).await
    }

    async fn info(&mut self, message: types::Message<'_>) -> Result<(), Ending> {
        let outcome = drive(
            &mut self.wire,
            &self.config,
            Some(&self.mailbox),
            self.guest.instance.info(message),
        )
        .await;
        self.carry_out("info", outcome.map_err(|error| Ending::Call("info", error))?).await
    }

    /// The last call. Its failure is logged by who asked for it.
    pub(super) async fn terminate(&mut self, ending: &Ending) -> Result<(), Ending> {
        self.guest.ledger().phase = Phase::Ending;
        let called = drive(
            &mut self.wire,
            &self.config,
            None,
            self.guest.instance.terminate(ending.reason()),
        )
        .await;
        called.map_err(|error| Ending::Call("terminate", error))?;
        let effects = self.guest.commit();
        self.effects(effects).await;
        Ok(())
    }
}

/// A message as the handler is given it. A Close is not: it is an ending.
fn frame(message: &Message) -> Option<FrameParam<'_>> {
    Some(match message {
        Message::Text(text) => FrameParam::Text(text),
        Message::Binary(data) => FrameParam::Binary(data),
        Message::Ping(payload) => FrameParam::Ping(payload),
        Message::Pong(payload) => FrameParam::Pong(payload),
        Message::Close(_) => return None,
    })
}
