//! A machine that fails: the host stops for a while, or has no more descriptors.

use std::{sync::Arc, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::Scene;
use crate::Signal;

/// The pause between two, in milliseconds.
const PAUSE: std::ops::Range<u64> = 5_000..40_000;
/// How long the host is stopped, in milliseconds.
const STOPPED: std::ops::Range<u64> = 50..2_000;
/// How long it has no more descriptors.
const SHORT: Duration = Duration::from_millis(500);

/// Fails again and again.
pub(super) async fn hostile(scene: Arc<Scene>, seed: u64) {
    let mut random = SmallRng::seed_from_u64(seed);
    while !scene.pause(&mut random, PAUSE).await {
        if random.random() {
            scene.tally.fault("host stopped (SIGSTOP)");
            scene.host.signal(Signal::STOP);
            // It goes on even where all is over.
            tokio::time::sleep(Duration::from_millis(random.random_range(STOPPED))).await;
            scene.host.signal(Signal::CONT);
        } else {
            scene.tally.fault("descriptors short");
            without_descriptors(&scene).await;
        }
    }
}

/// Takes the host the right to more descriptors than it has, for a while.
async fn without_descriptors(scene: &Scene) {
    let pid = Pid::from_raw(scene.host.pid().cast_signed());
    let limit = |limit| prlimit(pid, Resource::Nofile, limit).expect("the host is there");
    let open = scene.host.usage().descriptors as u64;
    let before = rustix::process::getrlimit(Resource::Nofile);
    limit(Rlimit { current: Some(open), maximum: before.maximum });
    tokio::time::sleep(SHORT).await;
    limit(before);
}
