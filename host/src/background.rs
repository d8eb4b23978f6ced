//! Threads of lower priority, for what takes long: so that a handler which
//! computes, or loops for ever, takes nothing from the sockets.
//!
//! A task begins on an I/O thread. When what it does turns out to take long, it
//! says that it [gives way](give_way), and whoever polls it by [`poll`] has it go on
//! here. First it gets a share that is less than an I/O thread's, later a small one
//! ([`Level`]). No share is nothing, because honest work must end on a busy machine too.

use std::{
    any::Any,
    cell::Cell,
    future::{Future, pending, poll_fn},
    panic::resume_unwind,
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use rustix::process::setpriority_process;
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::AbortOnDropHandle;

/// The nice value that the threads of [`Level::Background`] add to the I/O threads': where
/// both have work to do, a thread here gets about a third of what one there gets.
const BACKGROUND_NICER: i32 = 5;

/// The same for [`Level::Low`].
const LOW_NICER: i32 = 10;

/// A thread of [`Level::Low`] rests this many times as long as it ran, if others want its
/// processor.
const RESTS: u32 = 30;

/// What is more than this takes long: some 30 us to copy, 3 ms to compress.
const LARGE_BYTES: usize = 256 * 1024;

/// Threads for what can only be waited for by one, such as a disk. Tokio's own number,
/// 512, would be reached whenever many sleepers are read from the spill file at once,
/// and each keeps memory of its own.
pub const BLOCKING_THREADS_MAX: usize = 32;

/// Where something runs: the higher, the less it takes from others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// With the sockets.
    #[default]
    Io,
    /// For what takes long. However busy the machine is, it has its share, which
    /// others wait for: up to a few milliseconds each time.
    Background,
    /// For callbacks that ran for so long that the waits would add up, such as endless loops.
    /// Where other threads want a processor, this level gets a few per cent of it ([`rest`]).
    Low,
}

/// For the process, as its threads are.
static THREADS: OnceLock<Threads> = OnceLock::new();

struct Threads {
    background: Runtime,
    low: Runtime,
}

thread_local! {
    /// What level was asked for on this thread by what is polled.
    static GAVE_WAY: Cell<Level> = const { Cell::new(Level::Io) };
    /// This thread's own.
    static HERE: Cell<Level> = const { Cell::new(Level::Io) };
}

/// What may go on in the background.
pub type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Starts the threads. Without them everything is done where it was begun.
///
/// # Errors
/// The system has no more threads.
pub fn start() -> anyhow::Result<()> {
    let threads = Threads {
        background: runtime("background", Level::Background, BACKGROUND_NICER)?,
        low: runtime("low", Level::Low, LOW_NICER)?,
    };
    // Started before: those serve as well.
    if let Err(second) = THREADS.set(threads) {
        second.background.shutdown_background();
        second.low.shutdown_background();
    }
    Ok(())
}

fn runtime(name: &str, level: Level, nicer: i32) -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .thread_name(name)
        .on_thread_start(move || {
            HERE.set(level);
            // Where it is not allowed, the thread is like any other.
            let _ = setpriority_process(None, nicer);
        })
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()
        .context("can't start the threads for what takes long")
}

/// Rests if this is a thread of [`Level::Low`] that ran for `ran` of the last `took`. A thread
/// that had the processor all the while does not rest.
///
/// A low priority is not enough: a thread that never sleeps makes its processor look busy,
/// and the system then has I/O threads wait for another one.
pub fn rest(ran: Duration, took: Duration) {
    if here() == Level::Low {
        thread::sleep(rest_after(ran, took));
    }
}

fn rest_after(ran: Duration, took: Duration) -> Duration {
    // Interrupts take some of the time, too.
    if took > ran + ran / 4 { ran * RESTS } else { Duration::ZERO }
}

/// Where this thread is.
#[must_use]
pub fn here() -> Level {
    HERE.get()
}

/// Says that what is polled on this thread takes long, and is to go on at this level.
/// It is to return `Pending`, and to have its task woken.
pub fn give_way(to: Level) {
    GAVE_WAY.set(to.max(GAVE_WAY.get()));
}

/// What level `poll` asks for; [`Level::Io`] if it doesn't. Then, if it is not ready,
/// it waits.
pub fn gives_way<T>(poll: impl FnOnce() -> T) -> (T, Level) {
    let before = GAVE_WAY.replace(Level::Io);
    let polled = poll();
    let asked = GAVE_WAY.get();
    GAVE_WAY.set(before.max(asked));
    (polled, asked)
}

/// Whether what is done with so many bytes takes long.
#[must_use]
pub fn is_large(bytes: usize) -> bool {
    bytes > LARGE_BYTES
}

/// Goes on in the background, if that can be, before something is done with so many
/// bytes that takes long.
pub async fn enter_with(bytes: usize) {
    if is_large(bytes) {
        enter().await;
    }
}

/// Goes on in the background, if that can be: before something that takes long.
async fn enter() {
    let mut asked = here() > Level::Io;
    poll_fn(|cx| {
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        give_way(Level::Background);
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls `work`. If that gives way, it goes on where it asks to, and ends if
/// what is left in its place is dropped.
pub fn poll<T: Send + 'static>(work: &mut Work<T>, cx: &mut Context<'_>) -> Poll<T> {
    let (polled, asked) = gives_way(|| work.as_mut().poll(cx));
    if polled.is_ready() || asked <= here() {
        return polled;
    }
    let Some(threads) = THREADS.get() else { return polled };
    let moved = std::mem::replace(work, Box::pin(pending()));
    let moved = match asked {
        Level::Low => threads.low.spawn(moved),
        // From here it may have to go on.
        Level::Background | Level::Io => threads.background.spawn(movable(moved)),
    };
    let mut moved = AbortOnDropHandle::new(moved);
    *work = Box::pin(async move {
        match (&mut moved).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic as Box<dyn Any + Send>),
                // The process ends.
                Err(_) => pending().await,
            },
        }
    });
    work.as_mut().poll(cx)
}

/// Does `work`, in the background from where it gives way.
pub async fn movable<T: Send + 'static>(mut work: Work<T>) -> T {
    poll_fn(|cx| poll(&mut work, cx)).await
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn name() -> Option<String> {
        thread::current().name().map(str::to_owned)
    }

    #[tokio::test]
    async fn what_gives_way_goes_on_in_the_background() {
        start().unwrap();
        let before = name();
        let during = movable(Box::pin(async {
            enter().await;
            (here(), name())
        }));
        assert_eq!(during.await, (Level::Background, Some("background".into())));
        assert_eq!((here(), name()), (Level::Io, before));
    }

    /// As a callback does at the end of an epoch.
    async fn go_on(level: Level) {
        let mut asked = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut asked, true) {
                return Poll::Ready(());
            }
            give_way(level);
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    #[tokio::test]
    async fn what_takes_very_long_goes_on_at_the_low_level_and_never_back() {
        start().unwrap();
        let during = movable(Box::pin(async {
            enter().await;
            go_on(Level::Low).await;
            let low = (here(), name());
            go_on(Level::Background).await;
            assert_eq!((here(), name()), low);
            low
        }));
        assert_eq!(during.await, (Level::Low, Some("low".into())));
        assert_eq!(here(), Level::Io);
    }

    /// The scheduling policy and the nice value of this thread, by the fields of
    /// proc_pid_stat(5).
    fn policy_and_nice() -> (i32, i32) {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, from_third) = stat.rsplit_once(") ").unwrap();
        let fields: Vec<&str> = from_third.split(' ').collect();
        let field = |number: usize| fields[number - 3].trim().parse().unwrap();
        (field(41), field(19))
    }

    #[tokio::test]
    async fn every_level_has_a_share() {
        start().unwrap();
        let (policy, nice) = policy_and_nice();
        for (level, nicer) in [(Level::Background, BACKGROUND_NICER), (Level::Low, LOW_NICER)] {
            let there = movable(Box::pin(async move {
                enter().await;
                go_on(level).await;
                policy_and_nice()
            }));
            assert_eq!(there.await, (policy, (nice + nicer).min(19)), "{level:?}");
        }
    }

    #[test]
    fn only_a_thread_that_had_to_wait_rests() {
        let ms = Duration::from_millis;
        assert_eq!(rest_after(ms(4), ms(4)), Duration::ZERO);
        assert_eq!(rest_after(ms(4), ms(5)), Duration::ZERO);
        assert_eq!(rest_after(ms(4), ms(6)), ms(4) * RESTS);
    }

    #[tokio::test]
    async fn what_only_waits_stays() {
        start().unwrap();
        let during = movable(Box::pin(async {
            tokio::task::yield_now().await;
            here()
        }));
        assert_eq!(during.await, Level::Io);
    }

    #[tokio::test]
    async fn outside_of_it_entering_is_a_turn_for_others() {
        enter().await;
        assert_eq!(here(), Level::Io);
    }

    #[tokio::test]
    async fn a_panic_comes_back() {
        start().unwrap();
        let work = tokio::spawn(movable(Box::pin(async {
            enter().await;
            panic!("it failed");
        })));
        let panic = work.await.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"it failed"));
    }

    #[tokio::test]
    async fn what_is_dropped_ends() {
        start().unwrap();
        let (alive, gone) = tokio::sync::oneshot::channel::<()>();
        let mut work: Work<()> = Box::pin(async move {
            let _alive = alive;
            enter().await;
            pending::<()>().await;
        });
        assert!(poll_fn(|cx| Poll::Ready(poll(&mut work, cx))).await.is_pending());
        drop(work);
        assert!(gone.await.is_err());
    }
}
