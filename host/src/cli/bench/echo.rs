//! `wshost bench echo`: messages to a server that sends them back.

use std::{
    collections::VecDeque,
    future::{Future as _, poll_fn},
    num::{NonZeroU32, NonZeroUsize},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::time::{Sleep, sleep};

use super::{
    Common, Course,
    crew::{self, Phase, Plan, Worker},
    disturb::Disturbances,
    frames::Data,
    make_room,
    pattern::{Messages, Pattern},
    report::Report,
    socket::{Failure, Socket},
};

/// Sends messages to an echo server, and checks every reply.
///
/// Each connection has a number of messages on their way all the time: for each
/// reply it sends one more. With --rate it sends at that rate instead, whether there
/// are replies or not.
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
    /// How many messages all connections together send a second, at even times
    #[arg(long, value_name = "PER_SECOND", conflicts_with = "in_flight")]
    rate: Option<NonZeroU32>,
    /// Sends text instead of binary
    #[arg(long)]
    text: bool,
    /// A text that makes the handler do what it shouldn't, as `loop` does to the
    /// scripted guest; more connections send it, and are opened anew whenever the
    /// server ends them
    #[arg(long, value_name = "TEXT", requires = "disturbers")]
    disturb: Option<String>,
    /// How many they are
    #[arg(long, value_name = "CONNECTIONS", requires = "disturb", default_value_t = 0)]
    disturbers: usize,
}

impl Echo {
    pub(super) fn run(self) -> Result<()> {
        let connections = self.connections.get();
        make_room(connections + self.disturbers)?;
        let target = Arc::new(self.common.target()?);
        let pattern = Arc::new(Pattern::new(self.size, self.text));
        let pace = match self.rate {
            Some(rate) => {
                Pace::Even(Duration::from_secs(1) * u32::try_from(connections)? / rate.get())
            }
            None => Pace::InFlight(self.in_flight.get() as u64),
        };
        let disturb: Arc<str> = self.disturb.unwrap_or_default().into();
        let disturbances = Disturbances::default();
        let disturbing = disturbances.clone();
        let plan = Plan {
            tasks: connections + self.disturbers,
            threads: self.course.threads(),
            warm_up: self.course.warm_up,
            duration: self.course.seconds,
            server: self.common.server()?,
            counted: "messages",
        };
        let measured = crew::run(plan, move |worker| {
            let (target, pattern) = (target.clone(), pattern.clone());
            let (disturb, disturbing) = (disturb.clone(), disturbing.clone());
            async move {
                if worker.index >= connections {
                    return disturbing.run(worker, &target, &disturb).await;
                }
                let socket = worker.open(&target).await?;
                worker.ready();
                Connection::new(socket, worker, pattern, pace).run().await
            }
        })?;
        let mut report = Report::new("echo", &self.common.url);
        report.add("connections", connections);
        report.add("size_bytes", self.size);
        match self.rate {
            Some(rate) => report.add("rate_per_second", rate.get()),
            None => report.add("in_flight", self.in_flight.get()),
        }
        let names = ["messages", "messages_per_second", "messages_per_server_cpu_second"];
        report.add_measured(names, &measured);
        report.add_latency(&measured.latency);
        if self.disturbers > 0 {
            disturbances.report(&mut report);
        }
        report.print(self.common.json)
    }
}

/// When a connection sends.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// Whenever fewer are on their way.
    InFlight(u64),
    /// One each time that so much time has passed.
    Even(Duration),
}

/// One connection's messages.
struct Connection {
    socket: Socket,
    worker: Worker,
    messages: Messages,
    pace: Pace,
    /// Of an even pace, when the next one is due.
    due: Pin<Box<Sleep>>,
    /// When the messages on their way were sent, and how many at each time.
    sent: VecDeque<(Instant, u64)>,
}

impl Connection {
    fn new(socket: Socket, worker: Worker, pattern: Arc<Pattern>, pace: Pace) -> Self {
        let messages = Messages::new(pattern, worker.index);
        let due = Box::pin(sleep(first_after(pace, worker.index)));
        Self { socket, worker, messages, pace, due, sent: VecDeque::new() }
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

    fn send(&mut self, cx: &mut Context<'_>) {
        let count = match self.pace {
            Pace::InFlight(max) => max - self.messages.in_flight(),
            Pace::Even(interval) => self.count_due(interval, cx),
        };
        for _ in 0..count {
            self.messages.put(self.socket.out());
        }
        if count > 0 {
            self.sent.push_back((Instant::now(), count));
        }
    }

    /// How many are due. The task is woken when the next one is.
    fn count_due(&mut self, interval: Duration, cx: &mut Context<'_>) -> u64 {
        let mut count = 0;
        while self.due.as_mut().poll(cx).is_ready() {
            let next = self.due.deadline() + interval;
            self.due.as_mut().reset(next);
            count += 1;
        }
        count
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

/// Of an even pace, how long a connection waits at first: no two begin together.
fn first_after(pace: Pace, connection: usize) -> Duration {
    /// The golden ratio's multiples are spread evenly, however many they are.
    const GOLDEN: f64 = 0.618_033_988_749_895;
    match pace {
        Pace::InFlight(_) => Duration::ZERO,
        Pace::Even(interval) => interval.mul_f64((connection as f64 * GOLDEN).fract()),
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
