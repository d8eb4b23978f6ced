//! `wshost bench connect`: connections made and closed, again and again.

use std::{num::NonZeroUsize, sync::Arc, time::Instant};

use anyhow::{Context as _, Result};
use clap::Args;

use super::{
    Common, Course,
    crew::{self, Phase, Plan, Worker},
    handshake::Target,
    make_room,
    pattern::{Messages, Pattern},
    report::Report,
};

/// The length of the message that is sent with --echo.
const MESSAGE_BYTES: usize = 64;

/// Opens connections and closes them cleanly, again and again.
///
/// A set-up is the connection, the handshake and the closing handshake, up to
/// the end of the socket. The latency is that of connection and handshake, and
/// with --echo of the first message.
#[derive(Args)]
pub(super) struct Connect {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    course: Course,
    /// How many set-ups are under way at once
    #[arg(long, default_value = "20")]
    connections_at_once: NonZeroUsize,
    /// Sends one message on each connection, and checks the reply
    #[arg(long)]
    echo: bool,
}

impl Connect {
    pub(super) fn run(self) -> Result<()> {
        let at_once = self.connections_at_once.get();
        make_room(at_once)?;
        let target = Arc::new(self.common.target()?);
        let pattern = self.echo.then(|| Arc::new(Pattern::new(MESSAGE_BYTES, false)));
        let plan = Plan {
            tasks: at_once,
            threads: self.course.threads(),
            warm_up: self.course.warm_up,
            duration: self.course.seconds,
            server: self.common.server()?,
            counted: "set-ups",
        };
        let measured =
            crew::run(plan, move |worker| set_up_again(worker, target.clone(), pattern.clone()))?;
        let mut report = Report::new("connect", &self.common.url);
        report.add("connections_at_once", at_once);
        report.add("echo", self.echo);
        let names = ["setups", "setups_per_second", "setups_per_server_cpu_second"];
        report.add_measured(names, &measured);
        report.add_latency(&measured.latency);
        report.print(self.common.json)
    }
}

async fn set_up_again(
    worker: Worker,
    target: Arc<Target>,
    pattern: Option<Arc<Pattern>>,
) -> Result<()> {
    worker.ready();
    let mut done = 0_u64;
    while worker.phase() < Phase::Ending {
        let start = Instant::now();
        done += 1;
        set_up(&worker, &target, pattern.as_ref(), start)
            .await
            .with_context(|| format!("set-up {done}"))?;
    }
    Ok(())
}

async fn set_up(
    worker: &Worker,
    target: &Target,
    pattern: Option<&Arc<Pattern>>,
    start: Instant,
) -> Result<()> {
    let mut socket = target.open().await?;
    if let Some(pattern) = pattern {
        Messages::new(pattern.clone(), worker.index).exchange_one(&mut socket).await?;
    }
    let time = start.elapsed();
    socket.close().await?;
    worker.count(1, [(time, 1)]);
    Ok(())
}
