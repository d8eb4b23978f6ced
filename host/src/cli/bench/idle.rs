//! `wshost bench idle`: connections that are open, and say nothing.

use std::{
    future::Future,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::Args;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Common, duration, handshake::Target, latency::Latency, make_room, pattern::Pattern,
    process::Process, progress::Progress, random, report::Report, socket::Socket, talk::Talk,
};

/// Handshakes under way at once.
const OPENING_MAX: usize = 128;
/// Connections made and closed beforehand: what a server sets up once for all
/// is not counted as theirs.
const PRIMERS: usize = 64;
/// How long the reply to one message may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens connections and holds them, then wakes some.
///
/// Each says one message first, which an echo server sends back, and then
/// nothing. With --pid the memory that the server's process has grown by is
/// divided by their number. Then some, picked at random, say one message more,
/// one after the other: the latency is that of these. Ctrl-C before that has the
/// memory looked at there and then.
#[derive(Args)]
pub(super) struct Idle {
    #[command(flatten)]
    common: Common,
    /// How many connections
    #[arg(long, default_value = "1000")]
    connections: NonZeroUsize,
    /// The length of a message in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    size: usize,
    /// How long they are idle before the memory is looked at
    #[arg(long, value_name = "SECONDS", value_parser = duration, default_value = "2")]
    rest: Duration,
    /// How many are woken, each once
    #[arg(long, default_value_t = 1000)]
    samples: usize,
    /// The server adds up numbers and answers with the total, as the example
    /// handler counter does: each connection says its own, and when woken 1
    #[arg(long, conflicts_with = "size")]
    counter: bool,
}

/// A connection that is held.
struct Held {
    socket: Socket,
    talk: Talk,
}

/// What is known so far: all there is, where Ctrl-C comes.
#[derive(Default)]
struct Found {
    held: Vec<Held>,
    opening: Duration,
    /// The memory of a server without these connections.
    empty_bytes: Option<u64>,
    /// And with them.
    full_bytes: Option<u64>,
    woken: usize,
    latency: Latency,
}

impl Idle {
    pub(super) fn run(self) -> Result<()> {
        make_room(self.connections.get())?;
        let server = self.common.server()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut found = Found::default();
            tokio::select! {
                biased;
                _ = tokio::signal::ctrl_c() => found.interrupted(server.as_ref())?,
                done = self.measure(server.as_ref(), &mut found) => done?,
            }
            self.report(&found)
        })
    }

    async fn measure(&self, server: Option<&Process>, found: &mut Found) -> Result<()> {
        let target = self.common.target()?;
        let pattern = (!self.counter).then(|| Arc::new(Pattern::new(self.size, false)));
        let pattern = pattern.as_ref();
        let progress = Progress::new();
        let mut primers = Found::default();
        primers.open(&target, pattern, PRIMERS, &progress).await?;
        for primer in primers.held {
            primer.socket.close().await.context("a first connection")?;
        }
        found.empty_bytes = server.map(Process::resident_bytes).transpose()?;
        found.open(&target, pattern, self.connections.get(), &progress).await?;
        progress.show(1.0, "resting");
        sleep(self.rest).await;
        found.full_bytes = server.map(Process::resident_bytes).transpose()?;
        found.wake(self.samples, &progress).await
    }

    fn report(&self, found: &Found) -> Result<()> {
        let connections = found.held.len();
        let mut report = Report::new("idle", &self.common.url);
        report.add("connections", connections);
        report.add("opening_seconds", found.opening.as_secs_f64());
        if let Some((empty, full)) = found.empty_bytes.zip(found.full_bytes) {
            let grown = full as f64 - empty as f64;
            report.add("server_resident_before_bytes", empty);
            report.add("server_resident_bytes", full);
            report.add("server_resident_bytes_per_connection", grown / connections as f64);
        }
        report.add("woken", found.woken);
        report.add_latency(&found.latency);
        report.print(self.common.json)
    }
}

impl Found {
    async fn open(
        &mut self,
        target: &Target,
        pattern: Option<&Arc<Pattern>>,
        count: usize,
        progress: &Progress,
    ) -> Result<()> {
        let turns = Arc::new(Semaphore::new(OPENING_MAX));
        let start = Instant::now();
        let mut opening = JoinSet::new();
        for index in 0..count {
            let (turns, target) = (turns.clone(), target.clone());
            let talk = Talk::new(pattern, index);
            opening.spawn(async move {
                let _turn = turns.acquire().await?;
                hold(&target, talk).await.with_context(|| format!("connection {}", index + 1))
            });
        }
        while let Some(opened) = opening.join_next().await {
            self.held.push(opened??);
            self.opening = start.elapsed();
            let done = self.held.len();
            progress.show(done as f64 / count as f64, &format!("{done} of {count} connections"));
        }
        Ok(())
    }

    async fn wake(&mut self, samples: usize, progress: &Progress) -> Result<()> {
        let samples = samples.min(self.held.len());
        while self.woken < samples {
            // Those woken are put in front.
            let place = self.woken + random::below(self.held.len() - self.woken)?;
            self.held.swap(self.woken, place);
            let Held { socket, talk } = &mut self.held[self.woken];
            let start = Instant::now();
            patiently(talk.exchange(socket))
                .await
                .with_context(|| format!("connection {}, woken", talk.connection() + 1))?;
            self.latency.record(start.elapsed(), 1);
            self.woken += 1;
            progress.show(self.woken as f64 / samples as f64, "waking");
        }
        Ok(())
    }

    /// Looks at the memory where Ctrl-C came before it was time to.
    fn interrupted(&mut self, server: Option<&Process>) -> Result<()> {
        ensure!(!self.held.is_empty(), "interrupted before anything was measured");
        if self.full_bytes.is_none() {
            self.full_bytes = server.map(Process::resident_bytes).transpose()?;
        }
        Ok(())
    }
}

async fn hold(target: &Target, mut talk: Talk) -> Result<Held> {
    let mut socket = target.open().await?;
    patiently(talk.exchange(&mut socket)).await?;
    Ok(Held { socket, talk })
}

async fn patiently<E: Into<anyhow::Error>>(
    exchange: impl Future<Output = Result<(), E>>,
) -> Result<()> {
    match timeout(PATIENCE, exchange).await {
        Ok(exchanged) => exchanged.map_err(Into::into),
        Err(_) => Err(anyhow!("no reply came within {} s", PATIENCE.as_secs())),
    }
}
