//! What happens to a connection, one thing after the other.

use std::{
    mem,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::coop::has_budget_remaining,
};

use super::{Connection, clocks::Due, effects::Owed, ending::Ending, wire::Messages};
use crate::{
    messaging::{Mail, Urgent},
    sandbox::{Ledger, timers::Fired},
};

/// What happened.
pub(super) enum Event {
    /// The WebSocket was opened.
    Opened,
    /// The peer sent these.
    Messages(Messages),
    /// Another connection sent this.
    Mail(Mail),
    /// A timer of the handler's fired.
    Timer(Fired),
    /// The peer was silent for the keep-alive interval.
    KeepAlive,
    /// A callback that took long has returned.
    Owed(Box<Owed>),
    /// Nothing, for so long that the handler is put to sleep; or others need its
    /// slot.
    Rest,
    /// There is another version of its plugin to move to.
    Replaced,
    /// It is over.
    End(Ending),
}

impl Event {
    /// Whether a callback is to be called for it.
    pub(super) fn is_for_handler(&self) -> bool {
        matches!(self, Self::Messages(_) | Self::Mail(_) | Self::Timer(_))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// The next event. Meanwhile it writes what is queued and passes published
    /// frames on to the socket.
    ///
    /// While too much waits to be written nothing is read and no callback is
    /// due, so that a peer that does not read holds back itself alone.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Some(owed) = self.seldom.as_mut().and_then(|seldom| seldom.owed.take()) {
            return Poll::Ready(Event::Owed(owed));
        }
        loop {
            let tenant = &self.shared.plugin.tenant;
            self.wire.write_some(cx, &self.shared.plugin.tenant);
            let room = self.wire.room(&self.shared.config);
            match self.mailbox.poll_urgent(cx, room.unwrap_or(0)) {
                Some(Urgent::Shutdown) => return Poll::Ready(Event::End(Ending::Shutdown)),
                Some(Urgent::Replaced) => {
                    self.mailbox.take_replaced();
                    if let Some(event) = self.replaced() {
                        return Poll::Ready(event);
                    }
                    continue;
                }
                Some(Urgent::Operator(frame)) => {
                    return Poll::Ready(Event::End(Ending::Operator(frame)));
                }
                Some(Urgent::FramesLost) => return Poll::Ready(Event::End(Ending::SlowReader)),
                Some(Urgent::Frames(frames)) => {
                    frames.iter().for_each(|frame| self.wire.push_shared(frame, tenant));
                    continue;
                }
                None => {}
            }
            let questions = self.mailbox.take_questions();
            if !questions.is_empty() {
                self.answer(questions);
                continue;
            }
            if let Some(event) = ready!(self.poll_turns(cx, room.is_some())) {
                return Poll::Ready(event);
            }
        }
    }

    /// Whoever is next of those that wait for the handler. Of the timers that are due, and
    /// of the messages, there may be more without end: they take turns. Ready with
    /// nothing: there is something to write.
    fn poll_turns(&mut self, cx: &mut Context<'_>, has_room: bool) -> Poll<Option<Event>> {
        if self.guest.sleeps_at_once(&self.shared.config) {
            return Poll::Ready(Some(Event::Rest));
        }
        if has_room
            && mem::take(&mut self.timer_had_turn)
            && let Poll::Ready(event) = self.poll_callback(cx)
        {
            return Poll::Ready(event);
        }
        let mut may_rest = false;
        match self.poll_clocks(cx, has_room) {
            Poll::Ready(Due::Timer(fired)) => {
                self.timer_had_turn = true;
                return Poll::Ready(Some(Event::Timer(fired)));
            }
            Poll::Ready(Due::KeepAlive) => return Poll::Ready(Some(Event::KeepAlive)),
            // What waits in the socket was sent in time: it is read first.
            Poll::Ready(Due::Read) => {}
            Poll::Ready(Due::Idle) if has_room => {
                if self.wire.poll_read(cx, &self.shared.plugin.tenant).is_pending() {
                    if has_budget_remaining() {
                        return Poll::Ready(Some(Event::End(Ending::Timeout)));
                    }
                    // It could not look.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            Poll::Ready(Due::Idle) => return Poll::Ready(Some(Event::End(Ending::Timeout))),
            Poll::Ready(Due::Rest) => may_rest = true,
            Poll::Pending => {}
        }
        let called = if has_room { self.poll_callback(cx) } else { Poll::Pending };
        if called.is_pending() && (may_rest || self.guest.poll_pressure(cx).is_ready()) {
            return Poll::Ready(Some(Event::Rest));
        }
        called
    }

    /// What the peer or another connection has for the handler. Ready with
    /// nothing: pings were answered, which is to be written.
    fn poll_callback(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.mail_has_turn
            && let Some(mail) = self.take_mail()
        {
            self.mail_has_turn = false;
            return Poll::Ready(Some(Event::Mail(mail)));
        }
        self.mail_has_turn = true;
        let read = if self.wire.has_messages() {
            Poll::Ready(())
        } else {
            self.wire.poll_read(cx, &self.shared.plugin.tenant)
        };
        if self.wire.has_messages() {
            let config = &self.shared.config;
            let messages =
                self.wire.take_messages(config.frames_batch_max, config.frames_batch_max_bytes);
            return Poll::Ready(Some(Event::Messages(messages)));
        }
        if let Some(ending) = self.wire.take_end() {
            return Poll::Ready(Some(Event::End(ending)));
        }
        if read.is_ready() {
            return Poll::Ready(None);
        }
        match self.take_mail() {
            Some(mail) => Poll::Ready(Some(Event::Mail(mail))),
            None => Poll::Pending,
        }
    }

    /// The next message that is still wanted.
    fn take_mail(&mut self) -> Option<Mail> {
        loop {
            let mail = self.mailbox.take_mail()?;
            let admits = match self.guest.ledger() {
                Some(ledger) => ledger.admits(&mail),
                // It asked for nothing that something comes of.
                None => Ledger::default().admits(&mail),
            };
            if admits {
                return Some(mail);
            }
        }
    }
}
