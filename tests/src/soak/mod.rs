//! Mixed load for a long time, with faults injected: nothing is lost, and the host
//! doesn't grow.
//!
//! [`Soak::run`] starts a host. `members` are connections that behave well, and
//! check all that they get; `guests`, `peers` and `machine` are what goes
//! wrong beside them. What happened is counted in a `Tally`, and told in a
//! [`Report`].

mod guests;
mod machine;
mod members;
mod peers;
mod report;
mod tally;

use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};

pub use self::report::{Report, Sample};
use self::tally::Tally;
use crate::{Host, raise_socket_limit};

/// What the host is told: little time and room, so that all limits are met.
const SETTINGS: [&str; 7] = [
    "instances_max=200",
    "instance_wait_max_ms=30000",
    "hibernate_grace_ms=20",
    "hibernate_idle_ms=2000",
    "spill_above_bytes=100000",
    "close_timeout_ms=2000",
    "handshake_timeout_ms=20000",
];
/// How many lines of the host's log are shown of a loss.
const SAID: usize = 5;
/// The time from one look at the host to the next.
const LOOK: Duration = Duration::from_secs(1);

/// A soak to be run.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// For how long.
    pub time: Duration,
    /// How many connections behave well.
    pub connections: usize,
    /// What all chance comes from.
    pub seed: u64,
    /// After how long a line is printed.
    pub line: Duration,
}

/// What everything in a soak shares.
#[derive(Debug)]
struct Scene {
    host: Host,
    tally: Tally,
    stop: watch::Receiver<bool>,
}

impl Scene {
    /// Once it is over.
    async fn over(&self) {
        // Fails where nobody is left to end it.
        let _ = self.stop.clone().wait_for(|over| *over).await;
    }

    /// One who behaves well has not got what it should. The host may have said why.
    fn lost(&self, who: &str, what: &str) {
        let lines = self.host.log().lines();
        let said = lines[lines.len().saturating_sub(SAID)..].join("\n  ");
        self.tally.lost(format!("{who}: {what}\n  {said}"));
    }

    /// Waits some milliseconds of these. True: it is over.
    async fn pause(&self, random: &mut SmallRng, ms: std::ops::Range<u64>) -> bool {
        let pause = tokio::time::sleep(Duration::from_millis(random.random_range(ms)));
        tokio::select! {
            () = pause => false,
            () = self.over() => true,
        }
    }
}

impl Soak {
    /// Runs it.
    ///
    /// # Panics
    /// If the host can't be started, or doesn't end well.
    pub async fn run(self) -> Report {
        raise_socket_limit();
        let spill = tempfile::tempdir().expect("a directory can be made");
        let spill = spill.path().to_str().expect("its path is text").to_owned();
        let host = Host::of("scripted")
            .log("warn,guest=off,wshost::cli=info")
            .set_all(&SETTINGS)
            .argument("--spill")
            .argument(&spill);
        let (stop, stopped) = watch::channel(false);
        let host = host.start().await;
        let scene = Arc::new(Scene { host, tally: Tally::default(), stop: stopped });
        let mut tasks = self.start(&scene);
        let samples = self.watch(&scene).await;
        let sleeps = scene.host.metric("wshost_hibernations_total", &[]).await;
        let _ = stop.send(true); // nobody there: all have ended
        while let Some(ended) = tasks.join_next().await {
            ended.expect("what a task does that may fail is a session of its own");
        }
        let mut scene = Arc::into_inner(scene).expect("all tasks have ended");
        scene.host.stop().await;
        Report::new(self, &scene.tally, &samples, sleeps, scene.host.log())
    }

    /// Each task has random numbers of its own.
    fn start(&self, scene: &Arc<Scene>) -> JoinSet<()> {
        let mut seeds = SmallRng::seed_from_u64(self.seed);
        let mut tasks = JoinSet::new();
        for number in 0..self.connections {
            tasks.spawn(members::member(scene.clone(), number, seeds.random()));
        }
        for topic in 0..members::TOPICS {
            tasks.spawn(members::publisher(scene.clone(), topic, seeds.random()));
        }
        for _ in 0..2 {
            tasks.spawn(guests::hostile(scene.clone(), seeds.random()));
            tasks.spawn(peers::hostile(scene.clone(), seeds.random()));
        }
        tasks.spawn(machine::hostile(scene.clone(), seeds.random()));
        tasks
    }

    /// Looks at the host until the time is over.
    async fn watch(&self, scene: &Scene) -> Vec<Sample> {
        let begun = Instant::now();
        let mut samples: Vec<Sample> = Vec::new();
        let mut next_line = self.line;
        while begun.elapsed() < self.time {
            tokio::time::sleep(LOOK).await;
            let sample = Sample { at: begun.elapsed(), usage: scene.host.usage() };
            samples.push(sample);
            if sample.at >= next_line {
                println!("{}", report::line(&sample, &scene.tally));
                next_line += self.line;
            }
        }
        samples
    }
}

/// Runs something that panics where it fails. Returns why it did.
async fn guarded(session: impl Future<Output = ()> + Send + 'static) -> Result<(), String> {
    let session: JoinHandle<()> = tokio::spawn(session);
    match session.await {
        Ok(()) => Ok(()),
        Err(error) => Err(error
            .try_into_panic()
            .map_or_else(|error| error.to_string(), |panic| said(&*panic))),
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a word").to_owned()
}
