//! The clock that interrupts guests: a thread that counts the engines' epochs,
//! for as long as there are guests that run.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, Thread},
    time::Duration,
};

use wasmtime::{Engine, EngineWeak, Result, error::Context as _};

/// The time between two epochs: the longest a guest runs before others have their
/// turn.
const EPOCH: Duration = Duration::from_millis(1);

/// After so many without a guest that runs, the thread rests.
const EPOCHS_IDLE: u32 = 100;

/// One for the process.
static EPOCHS: Epochs = Epochs {
    counted: Mutex::new(Counted { engines: Vec::new(), thread: None }),
    ran: AtomicBool::new(false),
    resting: AtomicBool::new(false),
};

struct Epochs {
    counted: Mutex<Counted>,
    /// Whether a guest began to run, or went on, in this epoch.
    ran: AtomicBool,
    /// Whether the thread rests, or is about to.
    resting: AtomicBool,
}

struct Counted {
    engines: Vec<EngineWeak>,
    thread: Option<Thread>,
}

/// Counts this engine's epochs from now on.
///
/// # Errors
/// The system has no more threads.
pub(super) fn count(engine: &Engine) -> Result<()> {
    let mut counted = EPOCHS.counted();
    counted.engines.push(engine.weak());
    if counted.thread.is_none() {
        let thread = thread::Builder::new().name("epochs".into()).spawn(|| EPOCHS.run());
        let thread = thread.context("can't start the thread that counts epochs")?;
        counted.thread = Some(thread.thread().clone());
    }
    Ok(())
}

/// A guest is about to run until the next epoch. It is to have its deadline by now.
pub(super) fn guest_runs() {
    // Read by all, written once an epoch.
    if !EPOCHS.ran.load(SeqCst) {
        EPOCHS.ran.store(true, SeqCst);
        if EPOCHS.resting.load(SeqCst) {
            EPOCHS.wake();
        }
    }
}

impl Epochs {
    fn counted(&self) -> std::sync::MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut idle = 0;
        loop {
            thread::sleep(EPOCH);
            self.counted().engines.retain(|engine| match engine.upgrade() {
                Some(engine) => {
                    engine.increment_epoch();
                    true
                }
                None => false,
            });
            idle = if self.ran.swap(false, SeqCst) { 0 } else { idle + 1 };
            if idle >= EPOCHS_IDLE {
                self.rest();
                idle = 0;
            }
        }
    }

    /// Until a guest runs. One that has run all this time was interrupted meanwhile,
    /// or will be as soon as it looks at the epoch, and says then that it goes on.
    fn rest(&self) {
        self.resting.store(true, SeqCst);
        // Either this sees that a guest runs, or the guest sees that this rests.
        while !self.ran.load(SeqCst) {
            thread::park();
        }
        self.resting.store(false, SeqCst);
    }

    fn wake(&self) {
        if let Some(thread) = &self.counted().thread {
            thread.unpark();
        }
    }
}
