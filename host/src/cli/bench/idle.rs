//! `wshost bench idle`: connections that are open, and say nothing.

use std::{
    future::Future,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::Args;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Common, duration,
    handshake::Target,
    latency::Latency,
    make_room,
    pattern::{Messages, Pattern},
    process::Process,
    progress::Progress,
    report::Report,
    socket::Socket,
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
/// divided by their number. Then connections picked at random say one message
/// more, one after the other: the latency is that of these.
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
    /// How many are woken
    #[arg(long, default_value_t = 1000)]
    samples: usize,
}

/// A connection that is held.
struct Held {
    socket: Socket,
    messages: Messages,
}

impl Idle {
    pub(super) fn run(self) -> Result<()> {
        make_room(self.connections.get())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = tokio::signal::ctrl_c() => bail!("interrupted before the end"),
                done = self.measure() => done,
            }
        })
    }

    async fn measure(&self) -> Result<()> {
        let (target, server) = (self.common.target()?, self.common.server()?);
        let pattern = Arc::new(Pattern::new(self.size, false));
        let progress = Progress::new();
        for primer in self.open(&target, &pattern, PRIMERS, &progress).await? {
            primer.socket.close().await.context("a first connection")?;
        }
        let empty = server.as_ref().map(Process::resident_bytes).transpose()?;
        let start = Instant::now();
        let mut held = self.open(&target, &pattern, self.connections.get(), &progress).await?;
        let opening_seconds = start.elapsed().as_secs_f64();
        progress.show(1.0, "resting");
        sleep(self.rest).await;
        let full = server.as_ref().map(Process::resident_bytes).transpose()?;
        let latency = self.wake(&mut held, &progress).await?;
        drop(progress);

        let mut report = Report::new("idle", &self.common.url);
        report.add("connections", held.len());
        report.add("opening_seconds", opening_seconds);
        if let Some((empty, full)) = empty.zip(full) {
            let grown = full as f64 - empty as f64;
            report.add("server_resident_before_bytes", empty);
            report.add("server_resident_bytes", full);
            report.add("server_resident_bytes_per_connection", grown / held.len() as f64);
        }
        report.add("woken", self.samples);
        report.add_latency(&latency);
        report.print(self.common.json)
    }

    async fn open(
        &self,
        target: &Target,
        pattern: &Arc<Pattern>,
        count: usize,
        progress: &Progress,
    ) -> Result<Vec<Held>> {
        let turns = Arc::new(Semaphore::new(OPENING_MAX));
        let mut opening = JoinSet::new();
        for index in 0..count {
            let (turns, target) = (turns.clone(), target.clone());
            let messages = Messages::new(pattern.clone(), index);
            opening.spawn(async move {
                let _turn = turns.acquire().await?;
                hold(&target, messages).await.with_context(|| format!("connection {}", index + 1))
            });
        }
        let mut held = Vec::with_capacity(count);
        while let Some(opened) = opening.join_next().await {
            held.push(opened??);
            progress.show(
                held.len() as f64 / count as f64,
                &format!("{} of {count} connections", held.len()),
            );
        }
        Ok(held)
    }

    async fn wake(&self, held: &mut [Held], progress: &Progress) -> Result<Latency> {
        let mut latency = Latency::default();
        for sample in 0..self.samples {
            let place = random_below(held.len())?;
            let Held { socket, messages } = &mut held[place];
            let start = Instant::now();
            patiently(messages.exchange_one(socket))
                .await
                .with_context(|| format!("connection {}, woken", messages.connection() + 1))?;
            latency.record(start.elapsed(), 1);
            progress.show(sample as f64 / self.samples as f64, "waking");
        }
        Ok(latency)
    }
}

async fn hold(target: &Target, mut messages: Messages) -> Result<Held> {
    let mut socket = target.open().await?;
    patiently(messages.exchange_one(&mut socket)).await?;
    Ok(Held { socket, messages })
}

async fn patiently<E: Into<anyhow::Error>>(
    exchange: impl Future<Output = Result<(), E>>,
) -> Result<()> {
    match timeout(PATIENCE, exchange).await {
        Ok(exchanged) => exchanged.map_err(Into::into),
        Err(_) => Err(anyhow!("no reply came within {} s", PATIENCE.as_secs())),
    }
}

fn random_below(end: usize) -> Result<usize> {
    let random = getrandom::u64().context("no random number")?;
    ensure!(end > 0, "there are no connections");
    // The remainder is as good as even: the ends are small.
    Ok(usize::try_from(random % end as u64)?)
}
