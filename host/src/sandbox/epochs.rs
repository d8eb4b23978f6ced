//! The clock that interrupts guests: a thread that counts the engines' epochs,
//! for as long as there are guests that run.
//!
//! Each epoch that ends takes a processor from whoever has it, which costs a busy host
//! three per cent of its messages where epochs are [`SHORT`]. So they are only while
//! callbacks take long; as long as none does, they are [`LONG`].

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed, Ordering::SeqCst},
    },
    thread::{self, Thread},
    time::Duration,
};

use wasmtime::{Engine, EngineWeak, Result, error::Context as _};

/// The longest a guest runs before others have their turn, where callbacks take long. One
/// that has run for longer takes long.
pub(super) const SHORT_NS: u64 = 1_000_000;
const SHORT: Duration = Duration::from_nanos(SHORT_NS);

/// The longest that the first one runs which takes long.
pub(super) const LONG_NS: u64 = 5_000_000;
const LONG: Duration = Duration::from_nanos(LONG_NS);

/// For how long epochs are short after a callback that took long.
const ALERT: Duration = Duration::from_secs(1);

/// After such a time without a guest that runs, the thread rests.
const IDLE: Duration = Duration::from_millis(100);

/// One for the process.
static EPOCHS: Epochs = Epochs {
    counted: Mutex::new(Counted { engines: Vec::new(), thread: None }),
    ran: AtomicBool::new(false),
    ran_long: AtomicBool::new(false),
    resting: AtomicBool::new(false),
};

struct Epochs {
    counted: Mutex<Counted>,
    /// Whether a guest began to run, or went on, in this epoch.
    ran: AtomicBool,
    /// Whether one did for long.
    ran_long: AtomicBool,
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

/// A callback has run for more than [`SHORT_NS`].
pub(super) fn guest_ran_long() {
    EPOCHS.ran_long.store(true, Relaxed);
}

impl Epochs {
    fn counted(&self) -> std::sync::MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let (mut idle, mut alert) = (Duration::ZERO, Duration::ZERO);
        loop {
            let epoch = if alert.is_zero() { LONG } else { SHORT };
            thread::sleep(epoch);
            self.counted().engines.retain(|engine| match engine.upgrade() {
                Some(engine) => {
                    engine.increment_epoch();
                    true
                }
                None => false,
            });
            let ran_long = self.ran_long.swap(false, Relaxed);
            alert = if ran_long { ALERT } else { alert.saturating_sub(epoch) };
            idle = if self.ran.swap(false, SeqCst) { Duration::ZERO } else { idle + epoch };
            if idle >= IDLE {
                self.rest();
                (idle, alert) = (Duration::ZERO, Duration::ZERO);
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
