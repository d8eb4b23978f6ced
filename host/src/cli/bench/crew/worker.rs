//! What a task is given, and how one thread's tasks are run.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context as _, Error, Result};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};

use super::super::{handshake::Target, latency::Latency, socket::Socket};

/// Handshakes under way at once.
const OPENING_MAX: usize = 128;

/// What the tasks are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Phase {
    /// Nothing counts yet.
    Warming,
    /// This counts.
    Measuring,
    /// Begin nothing more; end.
    Ending,
}

/// What all tasks share.
pub(super) struct Shared {
    opening: Semaphore,
    ready: watch::Sender<usize>,
}

impl Shared {
    /// `ready` is told how many workers are.
    pub(super) fn new(ready: watch::Sender<usize>) -> Self {
        Self { opening: Semaphore::new(OPENING_MAX), ready }
    }
}

/// What the tasks of one thread count.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) count: AtomicU64,
    latency: Mutex<Latency>,
}

/// What a task has of its crew.
pub(in super::super) struct Worker {
    /// Which one this is, from 0.
    pub(in super::super) index: usize,
    phase: watch::Receiver<Phase>,
    shared: Arc<Shared>,
    tally: Arc<Tally>,
}

/// What all workers of a thread are copies of.
pub(super) struct Foreman {
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) shared: Arc<Shared>,
    pub(super) tally: Arc<Tally>,
}

impl Foreman {
    pub(super) fn worker(&self, index: usize) -> Worker {
        let Self { phase, shared, tally } = self;
        Worker { index, phase: phase.clone(), shared: shared.clone(), tally: tally.clone() }
    }
}

impl Worker {
    /// Opens a WebSocket, when it is this worker's turn.
    pub(in super::super) async fn open(&self, target: &Target) -> Result<Socket> {
        let _turn = self.shared.opening.acquire().await?;
        target.open().await
    }

    /// Says that this worker has all it needs. To be called once.
    pub(in super::super) fn ready(&self) {
        self.shared.ready.send_modify(|ready| *ready += 1);
    }

    /// Waits until so many are ready.
    pub(in super::super) async fn others_ready(&self, count: usize) {
        // The sender lives as long as the workers.
        let _ = self.shared.ready.subscribe().wait_for(|ready| *ready >= count).await;
    }

    pub(in super::super) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until the run is in this phase, or a later one.
    pub(in super::super) async fn reached(&self, phase: Phase) {
        // The sender lives as long as the workers.
        let _ = self.phase.clone().wait_for(|now| *now >= phase).await;
    }

    /// Counts what is done, and how long each took if that is known.
    pub(in super::super) fn count(
        &self,
        count: u64,
        times: impl IntoIterator<Item = (Duration, u64)>,
    ) {
        self.count_if(|phase| phase == Phase::Measuring, count, times);
    }

    /// Counts like [`Self::count`]. The times count after the end, too: they are of
    /// what was due before it.
    pub(in super::super) fn count_late(
        &self,
        count: u64,
        times: impl IntoIterator<Item = (Duration, u64)>,
    ) {
        self.count_if(|phase| phase >= Phase::Measuring, count, times);
    }

    fn count_if(
        &self,
        times_count: impl FnOnce(Phase) -> bool,
        count: u64,
        times: impl IntoIterator<Item = (Duration, u64)>,
    ) {
        self.tally.count.fetch_add(count, Relaxed);
        let mut latency = times_count(self.phase()).then(|| self.tally.latency());
        for (time, count) in times {
            if let Some(latency) = &mut latency {
                latency.record(time, count);
            }
        }
    }
}

impl Tally {
    pub(super) fn latency(&self) -> MutexGuard<'_, Latency> {
        // A histogram is whole whenever a panic could leave it.
        self.latency.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thread's work.
pub(super) async fn toil<W, F>(
    workers: Vec<Worker>,
    work: &W,
    failed: &mpsc::UnboundedSender<Error>,
) where
    W: Fn(Worker) -> F,
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for worker in workers {
        let connection = worker.index + 1;
        let task = work(worker);
        tasks.spawn(async move { task.await.with_context(|| format!("connection {connection}")) });
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(failure) = ended.map_err(Error::from).flatten() {
            // Nobody listens any more: the run is over.
            let _ = failed.send(failure);
        }
    }
}
