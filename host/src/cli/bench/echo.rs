//! `wshost bench echo`: messages to a server that sends them back.

use std::{
    collections::VecDeque,
    future::poll_fn,
    num::NonZeroUsize,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::Args;

use super::{
    Common, Course,
    crew::{self, Phase, Plan, Worker},
    frames::Data,
    make_room,
    pattern::{Messages, Pattern},
    report::Report,
    socket::{Failure, Socket},
};

/// Sends messages to an echo server, and checks every reply.
///
/// Each connection has a number of messages on their way all the time: for each
/// reply it sends one more.
#[derive(Args)]
pub(super) struct Echo {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    course: Course,
    /// How many connections
    #[arg(long, default_value = "50")]
    connections: NonZeroUsize,
    /// The length of a message in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    size: usize,
    /// How many messages of a connection are on their way at once
    #[arg(long, value_name = "MESSAGES", default_value = "1")]
    in_flight: NonZeroUsize,
    /// Sends text instead of binary
    #[arg(long)]
    text: bool,
}

impl Echo {
    pub(super) fn run(self) -> Result<()> {
        make_room(self.connections.get())?;
        let target = Arc::new(self.common.target()?);
        let pattern = Arc::new(Pattern::new(self.size, self.text));
        let in_flight = self.in_flight.get() as u64;
        let plan = Plan {
            tasks: self.connections.get(),
            threads: self.course.threads(),
            warm_up: self.course.warm_up,
            duration: self.course.seconds,
            server: self.common.server()?,
            counted: "messages",
        };
        let measured = crew::run(plan, move |worker| {
            let (target, pattern) = (target.clone(), pattern.clone());
            async move {
                let socket = worker.open(&target).await?;
                worker.ready();
                Connection::new(socket, worker, pattern, in_flight).run().await
            }
        })?;
        let mut report = Report::new("echo", &self.common.url);
        report.add("connections", self.connections.get());
        report.add("size_bytes", self.size);
        report.add("in_flight", in_flight);
        let names = ["messages", "messages_per_second", "messages_per_server_cpu_second"];
        report.add_measured(names, &measured);
        report.add_latency(&measured.latency);
        report.print(self.common.json)
    }
}

/// One connection's messages.
struct Connection {
    socket: Socket,
    worker: Worker,
    messages: Messages,
    in_flight_max: u64,
    /// When the messages on their way were sent, and how many at each time.
    sent: VecDeque<(Instant, u64)>,
}

impl Connection {
    fn new(socket: Socket, worker: Worker, pattern: Arc<Pattern>, in_flight_max: u64) -> Self {
        let messages = Messages::new(pattern, worker.index);
        Self { socket, worker, messages, in_flight_max, sent: VecDeque::new() }
    }

    async fn run(mut self) -> Result<()> {
        let exchanged = poll_fn(|cx| self.poll_exchange(cx)).await;
        exchanged.with_context(|| format!("message {}", self.messages.received() + 1))?;
        self.socket.close().await?;
        Ok(())
    }

    /// Sends and receives until nothing is on its way at the end.
    fn poll_exchange(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        loop {
            if self.worker.phase() < Phase::Ending {
                self.send();
            }
            // Where it can't be written now, reading may help the server on.
            if let Poll::Ready(Err(failure)) = self.socket.poll_flush(cx) {
                return Poll::Ready(Err(failure));
            }
            if self.messages.in_flight() == 0 {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_replies(cx))?;
        }
    }

    fn send(&mut self) {
        let count = self.in_flight_max - self.messages.in_flight();
        for _ in 0..count {
            self.messages.put(self.socket.out());
        }
        if count > 0 {
            self.sent.push_back((Instant::now(), count));
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
            let times = take_times(&mut self.sent, received, Instant::now());
            self.worker.count(received, times);
        }
        Poll::Ready(Ok(()))
    }
}

/// How long the oldest `count` messages took, and how many each time.
fn take_times(
    sent: &mut VecDeque<(Instant, u64)>,
    mut count: u64,
    now: Instant,
) -> impl Iterator<Item = (Duration, u64)> {
    std::iter::from_fn(move || {
        let (at, waiting) = sent.front_mut().filter(|_| count > 0)?;
        let (taken, time) = (count.min(*waiting), now - *at);
        count -= taken;
        *waiting -= taken;
        if *waiting == 0 {
            sent.pop_front();
        }
        Some((time, taken))
    })
}
