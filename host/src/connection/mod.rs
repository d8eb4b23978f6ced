//! The actor that a connection is: one task, one mailbox, one guest, one
//! callback at a time.
//!
//! ```text
//! socket → Wire → Event → callback → Outcome → commands → Wire → socket
//!                   ↑                    ↘ effects → Hub
//!           mailbox, timers
//! ```
//!
//! This is the only place that sees both sockets and guests.

mod buffers;
mod callbacks;
mod clocks;
mod closing;
mod commands;
mod details;
mod effects;
mod ending;
mod event;
mod facts;
mod guest;
mod memory;
mod migration;
mod options;
mod places;
mod rate;
mod running;
mod shared;
mod wire;

use std::{future::poll_fn, sync::Arc, task::Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use self::{clocks::Clocks, effects::Owed, ending::Ending, event::Event, wire::Wire};
pub use self::{
    facts::{Facts, Opened},
    guest::Guest,
    memory::MemoryBound,
    options::{Options, deflate_options},
    places::{Member, Over, PeerKey, Place, Places},
    running::Running,
    shared::{Shared, Succession, Successor},
};
use crate::{
    background::{self, Level},
    messaging::{ConnectionId, Mailbox},
    observe::Trace,
    sandbox::{KeptRequest, types::Callbacks},
    websocket::{Agreed, ControlPayload, Message},
};

/// A WebSocket that is open, and its handler.
pub struct Connection<S> {
    shared: Member,
    mailbox: Arc<Mailbox>,
    options: Options,
    guest: Guest,
    wire: Wire<S>,
    clocks: Clocks,
    /// Whether mail is next, where the peer has something as well: they take turns.
    mail_has_turn: bool,
    /// Whether a timer was last: of those that are due there may be more without end.
    timer_had_turn: bool,
    facts: Facts,
    seldom: Option<Box<Seldom>>,
}

/// What few connections have.
#[derive(Default)]
struct Seldom {
    /// What the handler wants recorded as the reason of the end.
    shutdown_reason: Option<String>,
    /// What it was opened by, if it may move to another version of its plugin.
    request: Option<KeptRequest>,
    /// Whether it stays with its version, come what may.
    stays: bool,
    /// Its span, if it is traced.
    trace: Option<Box<Trace>>,
    /// What it does next.
    owed: Option<Box<Owed>>,
}

/// The state of a connection after its events were handled.
enum Next<S> {
    /// The connection has ended.
    Ended,
    /// An event was handled in the background. The connection's task must poll for the next
    /// one, because only polls by that task register its waker.
    Moved(Box<Connection<S>>),
    /// No event is pending. The next one wakes the connection's task.
    Rests(Box<Connection<S>>),
}

/// What a connection is made of.
pub struct Parts<S> {
    /// Its name.
    pub id: ConnectionId,
    /// What it shares with the plugin's others, and its place among them.
    pub shared: Member,
    /// What `init` asked for.
    pub options: Options,
    /// The compression agreed on, if any.
    pub agreed: Option<Agreed>,
    /// The instance that `init` was called in.
    pub guest: Guest,
    /// The socket.
    pub stream: S,
    /// What was read from it already.
    pub early: Bytes,
    /// How it was opened.
    pub facts: Facts,
    /// What it was opened by, if it may move to another version of its plugin.
    pub request: Option<KeptRequest>,
    /// Its span, if it is traced.
    pub trace: Option<Box<Trace>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// Puts one together, and makes it known to others.
    pub fn new(parts: Parts<S>) -> Self {
        let Parts { id, shared, options, agreed, guest, stream, early, facts, request, trace } =
            parts;
        let takes_mail = options.callbacks.contains(Callbacks::INFO);
        let mailbox = Arc::new(Mailbox::new(id, shared.plugin.tenant.clone(), takes_mail));
        shared.hub.join(&mailbox);
        if shared.succession.get().is_some() {
            mailbox.replaced();
        }
        let wire = Wire::new(stream, &early, &options, agreed.as_ref(), &shared.config);
        shared.plugin.tenant.metrics.opened.inc();
        let has_seldom = request.is_some() || trace.is_some();
        Self {
            shared,
            mailbox,
            options,
            guest,
            wire,
            clocks: Clocks::default(),
            mail_has_turn: false,
            timer_had_turn: false,
            facts,
            seldom: has_seldom.then(|| Box::new(Seldom { request, trace, ..Seldom::default() })),
        }
    }

    /// Handles an event, and then further events until none is pending. A handler that
    /// sleeps after each event thus takes one future for both.
    async fn happen(mut self: Box<Self>, mut event: Event) -> Next<S> {
        loop {
            if let Err(ending) = self.handle(event).await {
                Box::pin(self.close(ending)).await;
                return Next::Ended;
            }
            if background::here() > Level::Io {
                self.mailbox.owner_moved();
                return Next::Moved(self);
            }
            match poll_fn(|cx| Poll::Ready(self.poll_event(cx))).await {
                Poll::Ready(next) => event = next,
                Poll::Pending => return Next::Rests(self),
            }
        }
    }

    async fn handle(&mut self, event: Event) -> Result<(), Ending> {
        if event.is_for_handler() && self.newest().is_some() {
            Box::pin(self.migrate()).await?;
        }
        match event {
            Event::Opened => self.opened().await,
            Event::Messages(messages) => self.frames(&messages).await,
            // Boxed, as they are larger than the one that comes most often.
            Event::Mail(mail) => Box::pin(self.mail(mail)).await,
            Event::Timer(timer) => Box::pin(self.timer(timer)).await,
            Event::KeepAlive => {
                // A peer that takes nothing is not asked whether it is there.
                if self.wire.queued_bytes() == 0 {
                    let ping = Message::Ping(ControlPayload::default());
                    self.wire.push(&ping, &self.shared.plugin.tenant);
                }
                Ok(())
            }
            Event::Replaced => Box::pin(self.migrate()).await,
            Event::Owed(owed) => Box::pin(self.pay(*owed)).await,
            Event::Rest => match self.rest_at_once() {
                Some(rested) => rested,
                None => Box::pin(self.rest()).await,
            },
            Event::End(ending) => Err(ending),
        }
    }

    /// Puts the handler to sleep, and gives back what the connection needs only
    /// while something happens. Returns `None` if that [may take longer](Self::rest).
    fn rest_at_once(&mut self) -> Option<Result<(), Ending>> {
        self.wire.rest();
        let slept = self.guest.sleep_at_once(&self.shared, self.mailbox.id)?;
        Some(slept.map_err(Ending::Sleep))
    }

    /// Puts the handler to sleep.
    async fn rest(&mut self) -> Result<(), Ending> {
        self.guest.sleep(&self.shared, self.mailbox.id).await.map_err(Ending::Sleep)
    }

    /// Its span, if it is traced.
    fn trace(&mut self) -> Option<&mut Trace> {
        self.seldom.as_mut()?.trace.as_deref_mut()
    }
}
