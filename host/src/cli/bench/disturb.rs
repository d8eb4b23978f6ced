//! Connections that make a handler do something it shouldn't, beside those that
//! are measured.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::time::sleep;

use super::{
    crew::{Phase, Worker},
    frames::TEXT,
    handshake::Target,
    latency::Latency,
    report::Report,
    socket::{Failure, Socket},
};

/// How often one that waits looks whether the run is over.
const LOOK: Duration = Duration::from_millis(20);

/// How the server ended them, and after how long.
#[derive(Clone, Debug, Default)]
pub(super) struct Disturbances(Arc<Mutex<Ends>>);

#[derive(Debug, Default)]
struct Ends {
    by_close: BTreeMap<String, u64>,
    times: Latency,
}

impl Disturbances {
    /// Opens a connection, sends `text`, and waits until the server ends it; then
    /// again, to the end of the run.
    pub(super) async fn run(self, worker: Worker, target: &Target, text: &str) -> Result<()> {
        let mut socket = Some(worker.open(target).await?);
        worker.ready();
        while worker.phase() < Phase::Ending {
            let mut disturbing = match socket.take() {
                Some(socket) => socket,
                None => worker.open(target).await?,
            };
            disturbing.push(TEXT, text.as_bytes());
            let begun = Instant::now();
            if let Some(end) = ended(&mut disturbing, &worker).await {
                self.count(end, begun.elapsed());
            }
        }
        Ok(())
    }

    fn count(&self, end: String, time: Duration) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *ends.by_close.entry(end).or_default() += 1;
        ends.times.record(time, 1);
    }

    /// Says how many were ended, and how.
    pub(super) fn report(&self, report: &mut Report) {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        report.add("disturbances_ended", ends.by_close.values().sum::<u64>());
        let by_close = ends.by_close.iter().map(|(end, count)| format!("{count} by {end}"));
        report.add("ended_by", by_close.collect::<Vec<_>>());
        for (name, quantile) in [("disturbance_p50_us", 0.5), ("disturbance_max_us", 1.0)] {
            if let Some(time) = ends.times.quantile_us(quantile) {
                report.add(name, time);
            }
        }
    }
}

/// How the server ended it. None: the run is over.
async fn ended(socket: &mut Socket, worker: &Worker) -> Option<String> {
    let over = async {
        while worker.phase() < Phase::Ending {
            sleep(LOOK).await;
        }
    };
    match socket.serve(over, |_| Ok(())).await {
        Ok(()) => None,
        Err(Failure::Closed(how)) => Some(how),
        Err(failure) => Some(failure.to_string()),
    }
}
