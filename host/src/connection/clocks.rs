//! What time does to a connection: its handler's timers, the idle timeout, the
//! keep-alive. One sleep serves them all, and is moved only when it must fire
//! earlier, or has fired too early.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::coop::has_budget_remaining,
    time::Sleep,
};

use super::Connection;
use crate::sandbox::timers::Fired;

/// What is due.
pub(super) enum Due {
    /// A timer of the handler's.
    Timer(Fired),
    /// More from the peer, which had sent too much.
    Read,
    /// A ping to a silent peer.
    KeepAlive,
    /// The end: the peer was silent for too long.
    Idle,
    /// The handler's sleep, unless something else happens.
    Rest,
}

/// What each of them needs to remember.
#[derive(Default)]
pub(super) struct Clocks {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whether it wakes the task, which is the same as long as the connection.
    armed: bool,
    last_ping: Option<Instant>,
}

impl Clocks {
    /// Ready once the time has come. It may have to be asked again before.
    fn poll_until(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let at = at.into();
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
            self.armed = false;
        }
        if self.armed && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        loop {
            // Without budget it would not have taken note of the task.
            self.armed = has_budget_remaining();
            ready!(sleep.as_mut().poll(cx));
            if tokio::time::Instant::now() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// What is due now; what concerns the handler only where `callbacks_wanted`.
    pub(super) fn poll_clocks(
        &mut self,
        cx: &mut Context<'_>,
        callbacks_wanted: bool,
    ) -> Poll<Due> {
        let resumes = self.wire.resumes_at();
        let last_read = resumes.unwrap_or_else(|| self.wire.last_read());
        let idle = self.options.idle_timeout.map(|timeout| last_read + timeout);
        let last_ping = self.clocks.last_ping.map_or(last_read, |ping| ping.max(last_read));
        let ping = self.options.keep_alive.map(|interval| last_ping + interval);
        let (timer, rest) = if callbacks_wanted {
            let timer = self.guest.ledger().and_then(|ledger| ledger.timers.next());
            (timer, self.guest.sleeps_at(&self.shared.config))
        } else {
            (None, None)
        };
        let next = [timer, resumes, idle, ping].into_iter().flatten().min();
        let Some(first) = next.into_iter().chain(rest).min() else { return Poll::Pending };
        ready!(self.clocks.poll_until(first, cx));
        let Some(next) = next.filter(|at| *at == first || *at <= Instant::now()) else {
            return Poll::Ready(Due::Rest);
        };
        if timer == Some(next)
            && let Some(fired) = self.guest.ledger().and_then(|ledger| ledger.fire(next))
        {
            return Poll::Ready(Due::Timer(fired));
        }
        if resumes == Some(next) {
            self.wire.resume();
            return Poll::Ready(Due::Read);
        }
        if idle == Some(next) {
            return Poll::Ready(Due::Idle);
        }
        self.clocks.last_ping = Some(Instant::now());
        Poll::Ready(Due::KeepAlive)
    }
}
