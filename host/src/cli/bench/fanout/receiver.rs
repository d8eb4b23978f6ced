//! Who receives: counts what comes, and what doesn't.

use std::{
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    super::{crew::Worker, frames, frames::Data, socket::Failure},
    Stage,
    marked::Marked,
};

/// How long what is still on its way at the end may take, before it is missing.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// See the module.
pub(super) struct Receiver {
    stage: Arc<Stage>,
    worker: Worker,
    /// The number expected next; none: nothing has come yet.
    next: Option<u64>,
    /// The beginning of a message that came in pieces.
    begun: Vec<u8>,
}

impl Receiver {
    pub(super) fn new(stage: Arc<Stage>, worker: Worker) -> Self {
        Self { stage, worker, next: None, begun: Vec::new() }
    }

    pub(super) async fn run(mut self) -> Result<()> {
        let mut socket = self.worker.open(&self.stage.target).await?;
        if let Some(join) = &self.stage.join {
            socket.push(frames::TEXT, join.as_bytes());
        }
        self.worker.ready();
        let mut last = self.stage.last.subscribe();
        let mut patience = None;
        while self.next.is_none() || *last.borrow() != self.next {
            tokio::select! {
                received = socket.receive(|data| self.take(data)) => received?,
                () = ended(&mut last), if patience.is_none() => {
                    patience = Some(Instant::now() + END_PATIENCE);
                }
                () = until(patience) => break,
            }
        }
        if let (Some(last), Some(next)) = (*last.borrow(), self.next) {
            self.stage.missing.fetch_add(last.saturating_sub(next), Relaxed);
        }
        Ok(())
    }

    fn take(&mut self, data: Data<'_>) -> Result<(), Failure> {
        if data.last && self.begun.is_empty() {
            self.count(Marked::find(data.bytes));
        } else {
            self.begun.extend(data.bytes);
            if data.last {
                self.count(Marked::find(&self.begun));
                self.begun.clear();
            }
        }
        Ok(())
    }

    /// Counts a delivery. What is not a message of this run (someone joined) is
    /// passed over.
    fn count(&mut self, found: Option<Marked>) {
        let Some(found) = found else { return };
        let next = self.next.unwrap_or_else(|| {
            self.stage.joined.fetch_add(1, Relaxed);
            found.number
        });
        if found.number < next {
            self.stage.duplicates.fetch_add(1, Relaxed);
            return;
        }
        self.stage.missing.fetch_add(found.number - next, Relaxed);
        self.next = Some(found.number + 1);
        self.worker.count(1, [(found.time(), 1)]);
        let delivered = self.stage.delivered.fetch_add(1, SeqCst) + 1;
        if delivered == self.stage.awaited.load(SeqCst) {
            self.stage.reached.notify_one();
        }
    }
}

async fn ended(last: &mut watch::Receiver<Option<u64>>) {
    // The sender of this stands on the stage, as the receivers do.
    let _ = last.wait_for(Option::is_some).await;
}

/// None: for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
