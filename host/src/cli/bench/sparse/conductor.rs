//! Cues connections: the first turns, or every message of a rate.

use std::{
    num::NonZeroU32,
    pin::pin,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{sync::mpsc::UnboundedSender, task::coop};

use super::super::{
    crew::{Phase, Worker},
    random,
    timer::Timer,
};

/// When connections speak.
#[derive(Clone, Copy, Debug)]
pub(super) enum Schedule {
    /// In a closed loop: so many connections have their turn at once.
    InTurns { at_once: usize },
    /// In an open loop: so many messages a second in all.
    AtRate(NonZeroU32),
}

impl Schedule {
    /// Returns the connection whose turn follows that of `index`, or `None` if turns
    /// don't follow each other.
    ///
    /// There is a ring of connections for each turn, so that a connection never has two
    /// turns at once: the ring of turn 0 has the connections 0, `at_once`, 2 × `at_once`, ….
    pub(super) fn next(self, index: usize, connections: usize) -> Option<usize> {
        match self {
            Self::InTurns { at_once } if index + at_once < connections => Some(index + at_once),
            Self::InTurns { at_once } => Some(index % at_once),
            Self::AtRate(_) => None,
        }
    }
}

/// See the module.
pub(super) struct Conductor {
    worker: Worker,
    /// Cues the connection of this index.
    cue: Vec<UnboundedSender<Instant>>,
}

impl Conductor {
    pub(super) fn new(worker: Worker, cue: Vec<UnboundedSender<Instant>>) -> Self {
        Self { worker, cue }
    }

    /// Waits until all connections are open, and cues them.
    pub(super) async fn run(self, schedule: Schedule) -> Result<()> {
        self.worker.others_ready(self.cue.len()).await;
        self.worker.ready();
        match schedule {
            Schedule::InTurns { at_once } => self.first_turns(at_once),
            Schedule::AtRate(rate) => self.at_rate(rate).await?,
        }
        Ok(())
    }

    fn first_turns(&self, at_once: usize) {
        for index in 0..at_once {
            self.cue(index, Instant::now());
        }
    }

    /// Cues a random connection after each random gap.
    ///
    /// This is the same as a clock for each connection: many connections that each
    /// speak at exponential gaps are one process of exponential gaps, whose events
    /// fall on any of them with the same probability.
    async fn at_rate(&self, rate: NonZeroU32) -> Result<()> {
        let mut ending = pin!(self.worker.reached(Phase::Ending));
        let timer = Timer::new()?;
        let mut due = Instant::now();
        loop {
            due += gap(random::unit()?, rate);
            tokio::select! {
                biased;
                () = &mut ending => return Ok(()),
                waited = timer.until(due) => waited?,
            }
            self.cue(random::below(self.cue.len())?, due);
            // A conductor that is late must not keep the connections from sending.
            coop::consume_budget().await;
        }
    }

    fn cue(&self, index: usize, due: Instant) {
        // Fails where the connection has failed, which ends the run.
        let _ = self.cue[index].send(due);
    }
}

/// The gap to the next message: exponential, of which `unit` is the quantile.
fn gap(unit: f64, rate: NonZeroU32) -> Duration {
    Duration::from_secs_f64(-(1.0 - unit).ln() / f64::from(rate.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every turn goes round a ring of its own, and all rings together have every
    /// connection once.
    #[test]
    fn turns_never_meet() {
        for (connections, at_once) in [(10, 3), (10, 10), (10, 1), (7, 5)] {
            let schedule = Schedule::InTurns { at_once };
            let mut visited = vec![0; connections];
            for first in 0..at_once {
                let mut index = first;
                loop {
                    visited[index] += 1;
                    index = schedule.next(index, connections).unwrap();
                    if index == first {
                        break;
                    }
                }
            }
            assert!(visited.iter().all(|visits| *visits == 1), "{at_once}: {visited:?}");
        }
    }

    #[test]
    fn gaps_have_the_mean_of_the_rate() {
        let rate = NonZeroU32::new(100).unwrap();
        let quantiles = (0..10_000).map(|step| (f64::from(step) + 0.5) / 10_000.0);
        let mean = quantiles.map(|unit| gap(unit, rate).as_secs_f64()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.01).abs() < 0.0001, "{mean}");
        assert!((0..1000).all(|_| (0.0..1.0).contains(&random::unit().unwrap())));
    }
}
