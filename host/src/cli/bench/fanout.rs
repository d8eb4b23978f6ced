//! `wshost bench fanout`: one sender, many receivers.

mod marked;
mod receiver;
mod sender;

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Result, ensure};
use clap::Args;
use tokio::sync::{Notify, watch};

use self::{marked::MARK_BYTES, receiver::Receiver, sender::Sender};
use super::{
    Common, Course,
    crew::{self, Plan, Span, Worker},
    duration,
    handshake::Target,
    make_room,
    report::Report,
};

/// What stands for the message in --publish.
const PLACE: &str = "{}";

/// Has one connection say what all others receive.
///
/// For any server that passes on what one says to many: a chat whose rooms are
/// paths needs no more than the URL. A message may come with something before
/// and behind it. Every receiver must get each message, once and in order.
#[derive(Args)]
pub(super) struct Fanout {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    course: Course,
    /// How many connections receive
    #[arg(long, default_value = "100")]
    receivers: NonZeroUsize,
    /// The length of a message in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    size: usize,
    /// The time between two messages; without it the next is sent when all have the last
    #[arg(long, value_name = "MS")]
    every: Option<NonZeroUsize>,
    /// How many messages may be on their way, where --every is not given
    #[arg(long, value_name = "MESSAGES", default_value = "1")]
    in_flight: NonZeroUsize,
    /// What each receiver says first, as in `sub:news`
    #[arg(long, value_name = "TEXT")]
    join: Option<String>,
    /// What the sender says, as in `pub:news:{}`, where {} is the message
    #[arg(long, value_name = "TEXT", default_value = PLACE)]
    publish: String,
    /// How long it may take until a message has reached all receivers
    #[arg(long, value_name = "SECONDS", value_parser = duration, default_value = "10")]
    join_within: Duration,
}

/// What the sender and the receivers share.
struct Stage {
    target: Target,
    receivers: usize,
    size_bytes: usize,
    pace: Pace,
    join: Option<String>,
    publish: String,
    join_within: Duration,
    sent: AtomicU64,
    /// How many receivers have had a message.
    joined: AtomicU64,
    delivered: AtomicU64,
    /// How many deliveries the sender waits for.
    awaited: AtomicU64,
    /// Told when there are so many.
    reached: Notify,
    missing: AtomicU64,
    duplicates: AtomicU64,
    /// How many messages there are in all, once the sender has ended.
    last: watch::Sender<Option<u64>>,
}

/// When the next message is sent.
#[derive(Clone, Copy, Debug)]
enum Pace {
    Every(Duration),
    InFlight(u64),
}

impl Fanout {
    pub(super) fn run(self) -> Result<()> {
        ensure!(self.size >= MARK_BYTES, "--size must be {MARK_BYTES} at least");
        ensure!(self.publish.contains(PLACE), "--publish must have a {PLACE} for the message");
        make_room(self.receivers.get() + 1)?;
        let stage = Arc::new(self.stage()?);
        let plan = Plan {
            tasks: stage.receivers + 1,
            threads: self.course.threads(),
            span: Span::from(&self.course),
            server: self.common.server()?,
            counted: "deliveries",
        };
        let on_stage = stage.clone();
        let measured = crew::run(plan, move |worker| perform(on_stage.clone(), worker))?;
        let mut report = Report::new("fanout", &self.common.url);
        report.add("receivers", stage.receivers);
        report.add("size_bytes", stage.size_bytes);
        let names = ["deliveries", "deliveries_per_second", "deliveries_per_server_cpu_second"];
        report.add_measured(names, &measured);
        report.add("messages_in_all", stage.sent.load(Relaxed));
        report.add("missing_in_all", stage.missing.load(Relaxed));
        report.add("duplicates_in_all", stage.duplicates.load(Relaxed));
        report.add_latency(&measured.latency);
        report.print(self.common.json)
    }

    fn stage(&self) -> Result<Stage> {
        let every = |ms: NonZeroUsize| Pace::Every(Duration::from_millis(ms.get() as u64));
        Ok(Stage {
            target: self.common.target()?,
            receivers: self.receivers.get(),
            size_bytes: self.size,
            pace: self.every.map_or(Pace::InFlight(self.in_flight.get() as u64), every),
            join: self.join.clone(),
            publish: self.publish.clone(),
            join_within: self.join_within,
            sent: AtomicU64::new(0),
            joined: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            awaited: AtomicU64::new(0),
            reached: Notify::new(),
            missing: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            last: watch::Sender::new(None),
        })
    }
}

/// The first worker sends, all others receive.
async fn perform(stage: Arc<Stage>, worker: Worker) -> Result<()> {
    if worker.index == 0 {
        Sender::new(stage, worker).run().await
    } else {
        Receiver::new(stage, worker).run().await
    }
}
