//! The calls into a connection's handler.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    time::Instant,
};

use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Connection,
    commands::output_bytes,
    effects::Owed,
    ending::Ending,
    guest::{Hibernate, Patience},
    wire::Wire,
};
use crate::{
    background::{self, Level},
    messaging::{Change, ConnectionId, Mail, Mailbox, NoAnswer, Present, Urgent},
    observe::traces::{Begun, Failure},
    sandbox::{
        CallError, Instance, Phase,
        timers::{Alarm, Fired},
        types::{self, Callbacks, FrameParam, Outcome},
    },
    tenant::Tenant,
    websocket::Message,
};

/// Runs a callback, and meanwhile serves the socket: what is queued is written,
/// pings are answered, some is read ahead. Frames published for `mailbox` are
/// passed on: what the callback returns comes behind them.
async fn drive<S, F>(
    wire: &mut Wire<S>,
    tenant: &Tenant,
    mailbox: Option<&Mailbox>,
    mut call: Pin<&mut F>,
) -> F::Output
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future,
{
    poll_fn(|cx| {
        let called = call.as_mut().poll(cx);
        if called.is_pending() {
            wire.pump(cx, tenant);
            while let Some(room) = wire.room(&tenant.config)
                && let Some(Urgent::Frames(frames)) =
                    mailbox.and_then(|mailbox| mailbox.poll_urgent(cx, room))
            {
                frames.iter().for_each(|frame| wire.push_shared(frame, tenant));
                wire.pump(cx, tenant);
            }
        }
        called
    })
    .await
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    pub(super) async fn opened(&mut self) -> Result<(), Ending> {
        if !self.options.callbacks.contains(Callbacks::OPENED) {
            return Ok(());
        }
        let outcome = self.call("opened", false, Patience::Limited, Instance::opened).await?;
        self.carry_out("opened", outcome).await
    }

    pub(super) async fn frames(&mut self, messages: &[Message]) -> Result<(), Ending> {
        if !self.options.callbacks.contains(Callbacks::FRAMES) {
            return Ok(());
        }
        background::enter_with(messages.iter().map(Message::len_bytes).sum()).await;
        let frames: SmallVec<[FrameParam<'_>; 1]> = messages.iter().filter_map(frame).collect();
        let outcome = self
            .call("frames", true, Patience::Limited, async |instance| {
                instance.frames(&frames).await
            })
            .await?;
        self.carry_out("frames", outcome).await
    }

    pub(super) async fn mail(&mut self, mail: Mail) -> Result<(), Ending> {
        let text = |id: &ConnectionId| id.to_string();
        match &mail {
            Mail::Direct { from, payload } => {
                let message = types::DirectMessage { sender: &text(from), payload };
                self.info(types::Message::Direct(message)).await
            }
            Mail::Published { topic, from, payload, position } => {
                let (sender, position) =
                    (from.as_ref().map(text), position.map(|position| position.to_string()));
                let (sender, position) = (sender.as_deref(), position.as_deref());
                let message = types::TopicMessage { topic, sender, payload, position };
                self.info(types::Message::Published(message)).await
            }
            Mail::Operator { payload } => self.info(types::Message::Operator(payload)).await,
            Mail::Down { id, reason } => {
                self.info(types::Message::Down(types::DownEvent { id: &text(id), reason })).await
            }
            Mail::Call { from, call, payload } => {
                let event = types::CallEvent { sender: &text(from), call: *call, payload };
                self.info(types::Message::Call(event)).await
            }
            Mail::Reply { call, answer } => self.reply(*call, answer.as_deref()).await,
            Mail::Presence { topic, change, present } => {
                let Present { id, name, metadata } = &**present;
                let id = &text(id);
                let present = types::PresentParam { id, name: name.as_deref(), metadata };
                let change = match change {
                    Change::Joined => types::PresenceChange::Joined,
                    Change::Updated => types::PresenceChange::Updated,
                    Change::Left => types::PresenceChange::Left,
                };
                let event = types::PresenceEvent { topic, change, present };
                self.info(types::Message::Presence(event)).await
            }
            Mail::Gap { topic } => self.info(types::Message::Gap(topic)).await,
        }
    }

    pub(super) async fn timer(&mut self, timer: Fired) -> Result<(), Ending> {
        let Fired { id, alarm } = timer;
        if alarm == Alarm::Call {
            self.shared.hub.give_up(self.mailbox.id, id);
        }
        match alarm {
            Alarm::Payload(payload) => {
                let event = types::TimerEvent { id, payload: &payload };
                self.info(types::Message::Timer(event)).await
            }
            Alarm::Call => self.reply(id, Err(&NoAnswer::Timeout)).await,
        }
    }

    async fn reply(&mut self, call: u64, answer: Result<&[u8], &NoAnswer>) -> Result<(), Ending> {
        let why = answer.err().map(ToString::to_string).unwrap_or_default();
        let answer = answer.map_err(|_| types::ErrorParam::Unavailable(&why));
        self.info(types::Message::Reply(types::ReplyEvent { call, answer })).await
    }

    /// One that has moved may want it no more, and have been left some before.
    async fn info(&mut self, message: types::Message<'_>) -> Result<(), Ending> {
        if !self.options.callbacks.contains(Callbacks::INFO) {
            return Ok(());
        }
        let outcome = self
            .call("info", true, Patience::Limited, async |instance| instance.info(message).await)
            .await?;
        self.carry_out("info", outcome).await
    }

    /// The last call. Its failure is logged by who asked for it.
    pub(super) async fn terminate(&mut self, ending: &Ending) -> Result<(), Ending> {
        self.call("terminate", false, Patience::Unlimited, async |instance| {
            instance.ledger().phase = Phase::Ending;
            instance.terminate(ending.reason()).await
        })
        .await?;
        let effects = self.guest.returned(Hibernate::No);
        self.effects(effects).await;
        Ok(())
    }

    /// Calls the handler, which is woken if it sleeps. `published` frames are
    /// passed on meanwhile.
    async fn call<R>(
        &mut self,
        callback: &'static str,
        published: bool,
        patience: Patience,
        call: impl AsyncFnOnce(&mut Instance) -> Result<R, CallError>,
    ) -> Result<R, Ending> {
        let slept = !self.guest.is_awake();
        let traced = self.trace().map(|_| Begun::now(slept));
        // When one was called that is awake, its own clock knows.
        let begun = slept.then(Instant::now);
        let called = {
            let Self { wire, shared, mailbox, guest, .. } = self;
            let passed_on = published.then_some(&**mailbox);
            let called = pin!(async {
                let woken = guest.wake(shared, mailbox.id, patience).await;
                let instance = woken.map_err(Ending::Wake)?;
                call(instance).await.map_err(|error| Ending::Call(callback, error))
            });
            drive(wire, &shared.plugin.tenant, passed_on, called).await
        };
        if called.is_ok()
            && let Some(times) = self.guest.times()
        {
            let begun = begun.unwrap_or(times.begun);
            self.wire.was_read_by(begun);
            let took = times.returned.saturating_duration_since(begun);
            self.shared.plugin.tenant.metrics.called(callback, took);
        }
        if let Some(begun) = traced {
            self.traced(callback, begun, called.as_ref().err());
        }
        called
    }

    /// A callback of one that is traced has returned, or failed.
    fn traced(&mut self, callback: &'static str, begun: Begun, failed: Option<&Ending>) {
        let max_per_second = self.shared.config.trace_callbacks_max_per_second;
        let failed = failed.and_then(|ending| Some((ending.failure()?, ending.describe())));
        let failure = failed.as_ref().map(|(kind, why)| Failure { kind, why });
        if let Some(trace) = self.trace() {
            trace.callback(callback, begun, failure.as_ref(), max_per_second);
        }
    }

    /// Carries out what a callback returned and asked for: first its frames, as
    /// one run, then its effects, which are owed where it took long. What it asked for
    /// beside a return that is not valid is not done, as if it had trapped.
    async fn carry_out(&mut self, callback: &'static str, outcome: Outcome) -> Result<(), Ending> {
        let hibernate = if outcome.hibernate { Hibernate::Asked } else { Hibernate::No };
        background::enter_with(output_bytes(&outcome.commands)).await;
        let ending = self.commands(callback, outcome.commands);
        let effects = self.guest.returned(hibernate);
        let ending = ending?;
        let owed = Owed { effects, ending };
        if !owed.effects.is_empty() && background::here() > Level::Io {
            self.seldom.get_or_insert_default().owed = Some(Box::new(owed));
            return Ok(());
        }
        self.pay(owed).await
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
