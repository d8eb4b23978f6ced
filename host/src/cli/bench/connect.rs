//! `wshost bench connect`: connections made and closed again and again, or kept.

use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::sync::Semaphore;

use super::{
    Common, Course,
    crew::{self, Phase, Plan, Span, Worker},
    handshake::Target,
    make_room,
    pattern::{Messages, Pattern},
    report::Report,
    socket::Socket,
};

/// The length of the message that is sent with --echo.
const MESSAGE_BYTES: usize = 64;

/// Opens connections and closes them cleanly, again and again; or keeps them.
///
/// A set-up is the connection, the handshake and the closing handshake, up to
/// the end of the socket. The latency is that of connection and handshake, and
/// with --echo of the first message. With --keep so many connections are opened once,
/// and closed when all are open: a set-up is then the connection and the handshake.
#[derive(Args)]
pub(super) struct Connect {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    course: Course,
    /// How many set-ups are under way at once
    #[arg(long, default_value = "20")]
    connections_at_once: NonZeroUsize,
    /// Opens so many connections and keeps them open; measured from the first to the last
    #[arg(long, value_name = "CONNECTIONS", conflicts_with_all = ["seconds", "warm_up"])]
    keep: Option<NonZeroUsize>,
    /// Sends one message on each connection, and checks the reply
    #[arg(long)]
    echo: bool,
}

/// What the tasks of a run share.
struct Stage {
    target: Target,
    /// What the first message is made of, if one is sent.
    pattern: Option<Arc<Pattern>>,
    /// The set-ups that may be under way.
    turns: Semaphore,
}

impl Connect {
    pub(super) fn run(self) -> Result<()> {
        let at_once = self.connections_at_once.get();
        let tasks = self.keep.map_or(at_once, NonZeroUsize::get);
        make_room(tasks)?;
        let stage = Arc::new(Stage {
            target: self.common.target()?,
            pattern: self.echo.then(|| Arc::new(Pattern::new(MESSAGE_BYTES, false))),
            turns: Semaphore::new(at_once),
        });
        let plan = Plan {
            tasks,
            threads: self.course.threads(),
            span: self.keep.map_or_else(|| Span::from(&self.course), |_| Span::UntilReady),
            server: self.common.server()?,
            counted: "set-ups",
        };
        let keeps = self.keep.is_some();
        let measured = crew::run(plan, move |worker| {
            let stage = stage.clone();
            async move {
                if keeps { stage.keep(worker).await } else { stage.set_up_again(worker).await }
            }
        })?;
        let mut report = Report::new("connect", &self.common.url);
        report.add("connections_at_once", at_once);
        if let Some(kept) = self.keep {
            report.add("kept", kept.get());
        }
        report.add("echo", self.echo);
        let names = ["setups", "setups_per_second", "setups_per_server_cpu_second"];
        report.add_measured(names, &measured);
        report.add_latency(&measured.latency);
        report.print(self.common.json)
    }
}

impl Stage {
    async fn set_up_again(&self, worker: Worker) -> Result<()> {
        worker.ready();
        let mut done = 0_u64;
        while worker.phase() < Phase::Ending {
            done += 1;
            self.set_up(&worker).await.with_context(|| format!("set-up {done}"))?;
        }
        Ok(())
    }

    /// Opens a connection, and closes it.
    async fn set_up(&self, worker: &Worker) -> Result<()> {
        let (socket, time) = self.open(worker).await?;
        socket.close().await?;
        worker.count(1, [(time, 1)]);
        Ok(())
    }

    /// Opens a connection, and holds it until all are open.
    async fn keep(&self, worker: Worker) -> Result<()> {
        worker.reached(Phase::Measuring).await;
        let turn = self.turns.acquire().await?;
        if worker.phase() == Phase::Ending {
            return Ok(());
        }
        let (mut socket, time) = self.open(&worker).await?;
        drop(turn);
        worker.count(1, [(time, 1)]);
        worker.ready();
        socket.serve(worker.reached(Phase::Ending), |_| Ok(())).await?;
        socket.close().await?;
        Ok(())
    }

    /// Opens a connection and has its first message sent back, if one is sent. Returns
    /// how long that took.
    async fn open(&self, worker: &Worker) -> Result<(Socket, Duration)> {
        let start = Instant::now();
        let mut socket = self.target.open().await?;
        if let Some(pattern) = &self.pattern {
            Messages::new(pattern.clone(), worker.index).exchange_one(&mut socket).await?;
        }
        Ok((socket, start.elapsed()))
    }
}
