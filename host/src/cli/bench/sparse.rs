//! `wshost bench sparse`: very many connections that each speak seldom.

mod conductor;

use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use self::conductor::{Conductor, Schedule};
use super::{
    Common, Course,
    crew::{self, Plan, Span, Worker},
    exchange::Exchange,
    handshake::Target,
    make_room,
    pace::{Cues, Pace},
    pattern::Pattern,
    report::Report,
};

/// Has very many connections to an echo server speak seldom, and checks every reply.
///
/// All connections are opened before any message is sent. Then they take turns, in a
/// closed loop: a connection sends one message when its turn comes, and the reply gives
/// the turn to the next connection. With --rate each connection sends at random times
/// of its own, whether there are replies or not; latency then counts from the time at
/// which a message was due.
#[derive(Args)]
pub(super) struct Sparse {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    course: Course,
    /// How many connections
    #[arg(long, default_value = "10000")]
    connections: NonZeroUsize,
    /// The length of a message in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    size: usize,
    /// How many connections have their turn at once; by default all, so that each has
    /// one message in flight all the time
    #[arg(long, value_name = "CONNECTIONS")]
    at_once: Option<NonZeroUsize>,
    /// How many messages all connections together send a second, at random times
    #[arg(long, value_name = "PER_SECOND", conflicts_with = "at_once")]
    rate: Option<NonZeroU32>,
    /// Sends text instead of binary
    #[arg(long)]
    text: bool,
}

/// What the tasks of a run share.
struct Stage {
    target: Target,
    pattern: Arc<Pattern>,
    schedule: Schedule,
    /// The cues of each connection, until its task takes them.
    cues: Mutex<Vec<Option<Cues>>>,
    /// Cues every connection, until the conductor takes them.
    cue: Mutex<Vec<UnboundedSender<Instant>>>,
    connections: usize,
}

impl Sparse {
    pub(super) fn run(self) -> Result<()> {
        let connections = self.connections.get();
        make_room(connections)?;
        let schedule = self.schedule()?;
        let pattern = Arc::new(Pattern::new(self.size, self.text));
        let stage = Arc::new(Stage::new(self.common.target()?, pattern, schedule, connections));
        let plan = Plan {
            tasks: connections + 1,
            threads: self.course.threads(),
            span: Span::from(&self.course),
            server: self.common.server()?,
            counted: "messages",
        };
        let measured = crew::run(plan, move |worker| perform(stage.clone(), worker))?;
        let mut report = Report::new("sparse", &self.common.url);
        report.add("connections", connections);
        report.add("size_bytes", self.size);
        match schedule {
            Schedule::InTurns { at_once } => report.add("at_once", at_once),
            Schedule::AtRate(rate) => report.add("rate_per_second", rate.get()),
        }
        let names = ["messages", "messages_per_second", "messages_per_server_cpu_second"];
        report.add_measured(names, &measured);
        if let Some(us) = measured.server_cpu_us_each() {
            report.add("server_cpu_us_per_message", us);
        }
        report.add_latency(&measured.latency);
        report.print(self.common.json)
    }

    fn schedule(&self) -> Result<Schedule> {
        if let Some(rate) = self.rate {
            return Ok(Schedule::AtRate(rate));
        }
        let at_once = self.at_once.unwrap_or(self.connections);
        ensure!(at_once <= self.connections, "--at-once can't be more than --connections");
        Ok(Schedule::InTurns { at_once: at_once.get() })
    }
}

impl Stage {
    fn new(target: Target, pattern: Arc<Pattern>, schedule: Schedule, connections: usize) -> Self {
        let (cue, incoming): (Vec<_>, Vec<_>) =
            (0..connections).map(|_| unbounded_channel()).unzip();
        let next = |index| Some(cue[schedule.next(index, connections)?].clone());
        let cues = incoming
            .into_iter()
            .enumerate()
            .map(|(index, incoming)| Some(Cues { incoming, next: next(index) }))
            .collect();
        Self {
            target,
            pattern,
            schedule,
            cues: Mutex::new(cues),
            cue: Mutex::new(cue),
            connections,
        }
    }
}

/// The last worker conducts, all others are connections.
async fn perform(stage: Arc<Stage>, worker: Worker) -> Result<()> {
    if worker.index == stage.connections {
        // Nothing panics while it holds either lock.
        let cue = std::mem::take(&mut *stage.cue.lock().unwrap_or_else(PoisonError::into_inner));
        return Conductor::new(worker, cue).run(stage.schedule).await;
    }
    let cues = stage.cues.lock().unwrap_or_else(PoisonError::into_inner)[worker.index].take();
    let pace = Pace::Cued(cues.context("each connection has cues")?);
    let socket = worker.open(&stage.target).await?;
    worker.ready();
    Exchange::new(socket, worker, stage.pattern.clone(), pace).run().await
}
