//! Handlers that compute for long, on a machine that others keep busy.

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use futures_util::future::join_all;
use wshost_tests::{Host, Mode};

/// Threads of this process for each processor, all of which compute.
const NEIGHBOURS_EACH: usize = 2;
/// Handlers that loop for the whole test.
const LOOPERS: usize = 10;
/// Some 130 ms on a fast machine: longer than a callback keeps its first share.
const COMPUTES: &str = "times:100000:cancel:1";
/// Loops last for the whole test. The honest callback fails if it waits for a minute.
const SETTINGS: [&str; 2] = ["callback_time_max_ms=600000", "callback_wait_max_ms=60000"];

/// Threads that compute until this is dropped.
struct Neighbours(Arc<AtomicBool>);

impl Neighbours {
    fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let processors = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..NEIGHBOURS_EACH * processors {
            let over = over.clone();
            thread::spawn(move || {
                while !over.load(Relaxed) {
                    black_box(());
                }
            });
        }
        Self(over)
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[tokio::test]
async fn a_callback_that_computes_returns_beside_busy_neighbours_and_loops() {
    let host = Host::of("scripted").set_all(&SETTINGS).start().await;
    let mut honest = Mode::HTTP1.ask(&host).open().await;
    let mut loopers = join_all((0..LOOPERS).map(|_| Mode::HTTP1.ask(&host).open())).await;
    for looper in &mut loopers {
        looper.say("loop").await;
    }
    let _neighbours = Neighbours::start();
    assert_eq!(honest.ask(COMPUTES).await, "times 100000");
}
