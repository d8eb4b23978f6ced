//! Many tasks on a few threads that load a server together, and the clock that
//! tells them what counts.
//!
//! All tasks of a run do the same work from when they are started: until
//! everybody is ready and warm nothing counts. What is counted is the
//! difference between two looks at all counters, the server's processor time
//! among them.

mod worker;

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Error, Result, anyhow, bail};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use self::worker::{Foreman, Shared, Tally, toil};
pub(super) use self::worker::{Phase, Worker};
use super::{Course, latency::Latency, process::Process, progress::Progress};

/// How long replies may take that are still on their way at the end.
const END_PATIENCE: Duration = Duration::from_secs(10);
/// How often the progress is shown.
const TICK: Duration = Duration::from_millis(100);

/// What a run is to be.
#[derive(Debug)]
pub(super) struct Plan {
    /// How many tasks there are.
    pub(super) tasks: usize,
    pub(super) threads: usize,
    pub(super) span: Span,
    pub(super) server: Option<Process>,
    /// What is counted, for the progress.
    pub(super) counted: &'static str,
}

/// The part of a run that is measured.
#[derive(Clone, Copy, Debug)]
pub(super) enum Span {
    /// Begins once everybody is ready and has worked for the warm-up.
    Time { warm_up: Duration, duration: Duration },
    /// Begins at once, and ends when everybody is ready.
    UntilReady,
}

impl From<&Course> for Span {
    fn from(course: &Course) -> Self {
        Self::Time { warm_up: course.warm_up, duration: course.seconds }
    }
}

/// What a run found.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) seconds: f64,
    pub(super) count: u64,
    pub(super) server_cpu_seconds: Option<f64>,
    pub(super) client_cpu_seconds: f64,
    pub(super) client_threads: usize,
    pub(super) latency: Latency,
}

impl Measured {
    /// The server's processor time for each thing counted, in microseconds.
    pub(super) fn server_cpu_us_each(&self) -> Option<f64> {
        let seconds = self.server_cpu_seconds.filter(|_| self.count > 0)?;
        Some(seconds * 1e6 / self.count as f64)
    }
}

/// A run under way, seen by who leads it.
struct Crew {
    plan: Plan,
    phase: watch::Sender<Phase>,
    ready: watch::Receiver<usize>,
    tallies: Vec<Arc<Tally>>,
    /// Gives each task's failure; ends when all tasks have ended.
    failures: mpsc::UnboundedReceiver<Error>,
    /// Ctrl-C, asked for once: one that comes between two waits is not missed.
    /// What sees it waits for it no more.
    interrupt: Pin<Box<dyn Future<Output = io::Result<()>>>>,
    progress: Progress,
}

/// How a wait went.
enum Waited {
    Through,
    /// By Ctrl-C.
    Interrupted,
}

impl Waited {
    /// Fails by Ctrl-C.
    fn uninterrupted(self) -> Result<()> {
        match self {
            Self::Through => Ok(()),
            Self::Interrupted => bail!("interrupted before anything was measured"),
        }
    }
}

/// The counters at one time.
struct Look {
    at: Instant,
    count: u64,
    server_cpu_seconds: Option<f64>,
    client_cpu_seconds: f64,
}

/// Has `work` done by as many tasks as the plan says.
///
/// # Errors
/// The first failure of a task, which ends all.
pub(super) fn run<W, F>(plan: Plan, work: W) -> Result<Measured>
where
    W: Fn(Worker) -> F + Clone + Send + 'static,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let crew = Crew::start(plan, &work)?;
    runtime()?.block_on(crew.lead())
}

fn runtime() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("can't start the client")
}

impl Crew {
    fn start<W, F>(plan: Plan, work: &W) -> Result<Self>
    where
        W: Fn(Worker) -> F + Clone + Send + 'static,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let (phase, phases) = watch::channel(Phase::Warming);
        let (ready_sender, ready) = watch::channel(0);
        let (failed, failures) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(ready_sender));
        let mut tallies = Vec::new();
        for thread in 0..plan.threads {
            let tally = Arc::new(Tally::default());
            tallies.push(tally.clone());
            let foreman = Foreman { phase: phases.clone(), shared: shared.clone(), tally };
            let indices = (thread..plan.tasks).step_by(plan.threads);
            let workers = indices.map(|index| foreman.worker(index)).collect();
            let (runtime, work, failed) = (runtime()?, work.clone(), failed.clone());
            thread::Builder::new()
                .name("bench".into())
                .spawn(move || runtime.block_on(toil(workers, &work, &failed)))?;
        }
        let interrupt = Box::pin(tokio::signal::ctrl_c());
        Ok(Self { plan, phase, ready, tallies, failures, interrupt, progress: Progress::new() })
    }

    async fn lead(mut self) -> Result<Measured> {
        if let Span::Time { warm_up, .. } = self.plan.span {
            self.gather().await?.uninterrupted()?;
            self.wait(warm_up).await?.uninterrupted()?;
        }
        let before = self.look()?;
        self.phase.send_replace(Phase::Measuring);
        match self.plan.span {
            Span::Time { duration, .. } => self.measure(&before, duration).await?,
            Span::UntilReady => {
                let waited = self.gather().await?;
                if self.counted() == 0 {
                    waited.uninterrupted()?;
                }
            }
        }
        let after = self.look()?;
        self.phase.send_replace(Phase::Ending);
        self.end().await?;
        Ok(self.measured(&before, &after))
    }

    /// Waits until everybody is ready.
    async fn gather(&mut self) -> Result<Waited> {
        loop {
            let ready = *self.ready.borrow();
            if ready == self.plan.tasks {
                return Ok(Waited::Through);
            }
            let what = format!("{ready} of {} connections", self.plan.tasks);
            self.progress.show(ready as f64 / self.plan.tasks as f64, &what);
            let mut changes = self.ready.clone();
            tokio::select! {
                biased;
                failure = self.failures.recv() => return Err(failed(failure)),
                _ = &mut self.interrupt => return Ok(Waited::Interrupted),
                _ = changes.changed() => self.ready = changes,
            }
        }
    }

    async fn measure(&mut self, before: &Look, duration: Duration) -> Result<()> {
        let mut counted = before.count;
        let mut shown = before.at;
        loop {
            let done = before.at.elapsed();
            let left = duration.saturating_sub(done);
            if left.is_zero() {
                return Ok(());
            }
            let count = self.counted();
            let rate = (count - counted) as f64 / shown.elapsed().as_secs_f64().max(1e-9);
            (counted, shown) = (count, Instant::now());
            let what = format!("{rate:.0} {} per second", self.plan.counted);
            self.progress.show(done.as_secs_f64() / duration.as_secs_f64(), &what);
            if let Waited::Interrupted = self.wait(left.min(TICK)).await? {
                return Ok(());
            }
        }
    }

    async fn wait(&mut self, duration: Duration) -> Result<Waited> {
        tokio::select! {
            biased;
            failure = self.failures.recv() => Err(failed(failure)),
            _ = &mut self.interrupt => Ok(Waited::Interrupted),
            () = sleep(duration) => Ok(Waited::Through),
        }
    }

    /// Waits for what is still on its way.
    async fn end(&mut self) -> Result<()> {
        match timeout(END_PATIENCE, self.failures.recv()).await {
            Ok(None) => Ok(()),
            Ok(Some(failure)) => Err(failure),
            Err(_) => bail!(
                "the server still owes replies {} s after the last message",
                END_PATIENCE.as_secs()
            ),
        }
    }

    fn counted(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.count.load(Relaxed)).sum()
    }

    fn look(&self) -> Result<Look> {
        Ok(Look {
            at: Instant::now(),
            count: self.counted(),
            server_cpu_seconds: self.plan.server.map(|server| server.cpu_seconds()).transpose()?,
            client_cpu_seconds: Process::own().cpu_seconds()?,
        })
    }

    fn measured(&self, before: &Look, after: &Look) -> Measured {
        let mut latency = Latency::default();
        for tally in &self.tallies {
            latency.add(&tally.latency());
        }
        Measured {
            seconds: (after.at - before.at).as_secs_f64(),
            count: after.count - before.count,
            server_cpu_seconds: after
                .server_cpu_seconds
                .zip(before.server_cpu_seconds)
                .map(|(b, a)| b - a),
            client_cpu_seconds: after.client_cpu_seconds - before.client_cpu_seconds,
            client_threads: self.plan.threads,
            latency,
        }
    }
}

fn failed(failure: Option<Error>) -> Error {
    failure.unwrap_or_else(|| anyhow!("the client ended too early"))
}
