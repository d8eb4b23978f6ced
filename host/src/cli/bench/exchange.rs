//! One connection to an echo server: messages sent at a pace, replies checked and
//! timed.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    crew::{Phase, Worker},
    frames::Data,
    pace::Pace,
    pattern::{Messages, Pattern},
    socket::{Failure, Socket},
};

/// One connection's messages.
pub(super) struct Exchange {
    socket: Socket,
    worker: Worker,
    messages: Messages,
    pace: Pace,
    /// When the messages in flight were due, and how many at each time.
    due: VecDeque<(Instant, u64)>,
}

impl Exchange {
    pub(super) fn new(socket: Socket, worker: Worker, pattern: Arc<Pattern>, pace: Pace) -> Self {
        let messages = Messages::new(pattern, worker.index);
        Self { socket, worker, messages, pace, due: VecDeque::new() }
    }

    /// Exchanges messages to the end of the run, then closes the connection.
    pub(super) async fn run(mut self) -> Result<()> {
        let exchanged = poll_fn(|cx| self.poll_exchange(cx)).await;
        exchanged.with_context(|| format!("message {}", self.messages.received() + 1))?;
        // The next connection may wait for a cue: it ends when no cue can come.
        drop(self.pace);
        self.socket.close().await?;
        Ok(())
    }

    /// Sends and receives until the run ends and no message is in flight.
    fn poll_exchange(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        loop {
            if self.worker.phase() < Phase::Ending {
                self.send(cx);
            }
            // Where it can't be written now, reading may help the server on.
            if let Poll::Ready(Err(failure)) = self.socket.poll_flush(cx) {
                return Poll::Ready(Err(failure));
            }
            if self.messages.in_flight() == 0 && self.worker.phase() == Phase::Ending {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_replies(cx))?;
        }
    }

    /// Queues every message that is due.
    fn send(&mut self, cx: &mut Context<'_>) {
        while let Some((at, count)) = self.pace.next_due(self.messages.in_flight(), cx) {
            for _ in 0..count {
                self.messages.put(self.socket.out());
            }
            self.due.push_back((at, count));
        }
    }

    fn poll_replies(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let mut received = 0;
        let messages = &mut self.messages;
        let mut on_data = |data: Data<'_>| {
            received += u64::from(messages.check(data)?);
            Ok(())
        };
        ready!(self.socket.poll_receive(cx, &mut on_data))?;
        if received > 0 {
            let times = take_times(&mut self.due, received, Instant::now());
            if self.pace.is_open_loop() {
                self.worker.count_late(received, times);
            } else {
                self.worker.count(received, times);
            }
            self.pace.replied(received);
        }
        Poll::Ready(Ok(()))
    }
}

/// How long the oldest `count` messages took, and how many each time.
fn take_times(
    due: &mut VecDeque<(Instant, u64)>,
    mut count: u64,
    now: Instant,
) -> impl Iterator<Item = (Duration, u64)> {
    std::iter::from_fn(move || {
        let (at, waiting) = due.front_mut().filter(|_| count > 0)?;
        let (taken, time) = (count.min(*waiting), now.saturating_duration_since(*at));
        count -= taken;
        *waiting -= taken;
        if *waiting == 0 {
            due.pop_front();
        }
        Some((time, taken))
    })
}
