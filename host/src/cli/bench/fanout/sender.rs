//! Who sends.

use std::{
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

use anyhow::{Result, ensure};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};

use super::{
    super::{
        crew::{Phase, Worker},
        frames,
        socket::Socket,
    },
    PLACE, Pace, Stage,
    marked::Marked,
};

/// The time between the messages that try.
const FIRST_PERIOD: Duration = Duration::from_millis(50);
/// How long a message may take before it counts as lost and the next is sent.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Sender {
    stage: Arc<Stage>,
    worker: Worker,
    /// How many deliveries were waited for in vain.
    lost: u64,
}

impl Sender {
    pub(super) fn new(stage: Arc<Stage>, worker: Worker) -> Self {
        Self { stage, worker, lost: 0 }
    }

    pub(super) async fn run(mut self) -> Result<()> {
        let mut socket = self.worker.open(&self.stage.target).await?;
        let everybody = self.worker.others_ready(self.stage.receivers);
        socket.serve(everybody, |_| Ok(())).await?;
        self.first(&mut socket).await?;
        self.worker.ready();
        match self.stage.pace {
            Pace::Every(period) => self.send_every(period, &mut socket).await?,
            Pace::InFlight(count) => self.send_each(count, &mut socket).await?,
        }
        self.stage.last.send_replace(Some(self.stage.sent.load(Relaxed)));
        let receivers = self.stage.last.closed();
        tokio::time::timeout(PATIENCE, socket.serve(receivers, |_| Ok(())))
            .await
            .ok()
            .transpose()?;
        Ok(())
    }

    /// Sends until every receiver has had a message: that a connection is open
    /// doesn't mean that it has joined, and what the receivers' coming has
    /// brought about may be before it.
    async fn first(&mut self, socket: &mut Socket) -> Result<()> {
        let (start, within) = (Instant::now(), self.stage.join_within);
        let wanted = self.stage.receivers as u64;
        loop {
            self.push(socket);
            socket.serve(sleep(FIRST_PERIOD), |_| Ok(())).await?;
            let joined = self.stage.joined.load(Relaxed);
            if joined == wanted {
                break;
            }
            ensure!(
                start.elapsed() < within,
                "within {} s a message has reached {joined} of {wanted} receivers: give a server that \
                 passes on what one says to all, and by --join and --publish what it wants to be \
                 told; where it needs longer, raise --join-within",
                within.as_secs_f64()
            );
        }
        self.lost = self.all() - self.stage.delivered.load(Relaxed);
        Ok(())
    }

    /// How many deliveries all messages make.
    fn all(&self) -> u64 {
        self.stage.sent.load(Relaxed) * self.stage.receivers as u64
    }

    fn push(&self, socket: &mut Socket) {
        let number = self.stage.sent.fetch_add(1, Relaxed);
        let message = Marked::write(number, self.stage.size_bytes);
        socket.push(frames::TEXT, self.stage.publish.replace(PLACE, &message).as_bytes());
    }

    async fn send_every(&mut self, period: Duration, socket: &mut Socket) -> Result<()> {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while self.worker.phase() < Phase::Ending {
            socket.serve(ticks.tick(), |_| Ok(())).await?;
            self.push(socket);
        }
        Ok(())
    }

    async fn send_each(&mut self, in_flight: u64, socket: &mut Socket) -> Result<()> {
        let on_their_way = (in_flight - 1) * self.stage.receivers as u64;
        while self.worker.phase() < Phase::Ending {
            self.push(socket);
            let wanted = self.all().saturating_sub(self.lost + on_their_way);
            if !self.delivered(wanted, socket).await? {
                self.lost += wanted.saturating_sub(self.stage.delivered.load(Relaxed));
            }
        }
        Ok(())
    }

    /// Whether so many deliveries came to be in time.
    async fn delivered(&self, wanted: u64, socket: &mut Socket) -> Result<bool> {
        let stage = &self.stage;
        let deadline = Instant::now() + PATIENCE;
        // Said before it is looked at: who makes it true sees it, or is seen.
        stage.awaited.store(wanted, SeqCst);
        while stage.delivered.load(SeqCst) < wanted {
            let reached = timeout_at(deadline, stage.reached.notified());
            if socket.serve(reached, |_| Ok(())).await?.is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
