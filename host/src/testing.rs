//! What tests share.

use std::{env, str::FromStr, thread};

use rand::{SeedableRng as _, rngs::SmallRng};

/// A run of random events. `WSHOST_TWINS_EVENTS` says how many, and
/// `WSHOST_TWINS_SEED` makes it the run that had this seed: a failure prints both.
#[derive(Debug)]
pub(crate) struct Run {
    /// What its random numbers are made of.
    pub(crate) seed: u64,
    /// How many events there are.
    pub(crate) events: u64,
}

impl Run {
    /// Of so many events, unless the environment says otherwise.
    pub(crate) fn new(events: u64) -> Self {
        Self {
            seed: variable("WSHOST_TWINS_SEED").unwrap_or_else(rand_seed),
            events: variable("WSHOST_TWINS_EVENTS").unwrap_or(events),
        }
    }

    /// Its random numbers.
    pub(crate) fn random(&self) -> SmallRng {
        SmallRng::seed_from_u64(self.seed)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if thread::panicking() {
            let Self { seed, events } = self;
            eprintln!("again: WSHOST_TWINS_SEED={seed} WSHOST_TWINS_EVENTS={events}");
        }
    }
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn rand_seed() -> u64 {
    getrandom::u64().expect("the operating system gives random numbers")
}
