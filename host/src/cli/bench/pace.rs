//! When a connection sends its messages.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    time::{Sleep, sleep},
};

/// When a connection sends its messages.
pub(super) enum Pace {
    /// Whenever fewer than this many are in flight.
    InFlight(u64),
    /// At even intervals, whether there are replies or not.
    Even(Even),
    /// At each cue.
    Cued(Cues),
}

/// See [`Pace::Even`].
pub(super) struct Even {
    interval: Duration,
    /// When the next message is due.
    due: Pin<Box<Sleep>>,
}

/// The cues of one connection. Each is the time at which a message is due.
pub(super) struct Cues {
    pub(super) incoming: UnboundedReceiver<Instant>,
    /// The connection whose turn comes with each reply to this one. `None` in an open
    /// loop, whose cues don't wait for replies.
    pub(super) next: Option<UnboundedSender<Instant>>,
}

impl Pace {
    /// Returns when the next messages are due and how many. On `None` the task is
    /// woken once a message is due.
    pub(super) fn next_due(
        &mut self,
        in_flight: u64,
        cx: &mut Context<'_>,
    ) -> Option<(Instant, u64)> {
        match self {
            Self::InFlight(max) => Some((Instant::now(), *max - in_flight)),
            Self::Even(even) => Some((Instant::now(), even.count_due(cx))),
            Self::Cued(cues) => match cues.incoming.poll_recv(cx) {
                Poll::Ready(Some(at)) => Some((at, 1)),
                // No cue yet, or none any more: the run is over.
                Poll::Pending | Poll::Ready(None) => None,
            },
        }
        .filter(|(_, count)| *count > 0)
    }

    /// Notes that so many replies have come.
    pub(super) fn replied(&self, count: u64) {
        let Self::Cued(Cues { next: Some(next), .. }) = self else { return };
        for _ in 0..count {
            // Fails at the end of the run, when the next connection is gone.
            let _ = next.send(Instant::now());
        }
    }

    /// Returns whether messages are due whatever the server does, so that each one's
    /// latency counts, even if its reply comes after the end.
    pub(super) fn is_open_loop(&self) -> bool {
        matches!(self, Self::Cued(Cues { next: None, .. }))
    }
}

impl Even {
    /// The pace of this connection, counted from 0. No two connections begin together.
    pub(super) fn new(interval: Duration, connection: usize) -> Self {
        /// The golden ratio's multiples are spread evenly, however many they are.
        const GOLDEN: f64 = 0.618_033_988_749_895;
        let first_after = interval.mul_f64((connection as f64 * GOLDEN).fract());
        Self { interval, due: Box::pin(sleep(first_after)) }
    }

    fn count_due(&mut self, cx: &mut Context<'_>) -> u64 {
        let mut count = 0;
        while self.due.as_mut().poll(cx).is_ready() {
            let next = self.due.deadline() + self.interval;
            self.due.as_mut().reset(next);
            count += 1;
        }
        count
    }
}
