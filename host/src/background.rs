//! Threads of lower priority, for what takes long: so that a handler which
//! computes, or loops for ever, takes nothing from the sockets.
//!
//! A task begins on an I/O thread. When what it does turns out to take long, it
//! says [`give_way`], and whoever polls it by [`poll`] has it go on here. There
//! the system gives it what the I/O threads leave, and a little more.

use std::{
    any::Any,
    cell::Cell,
    future::{Future, pending, poll_fn},
    panic::resume_unwind,
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
};

use anyhow::Context as _;
use rustix::process::setpriority_process;
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::AbortOnDropHandle;

/// How much nicer than the I/O threads these are: where both have work to do, a
/// thread here gets about a third of what one there gets.
const NICER: i32 = 5;

/// What is more than this takes long: some 30 us to copy, 3 ms to compress.
const LARGE_BYTES: usize = 256 * 1024;

/// Threads for what can only be waited for by one, such as a disk. Tokio's own number,
/// 512, would be reached whenever many sleepers are read from the spill file at once,
/// and each keeps memory of its own.
pub const BLOCKING_THREADS_MAX: usize = 32;

/// One for the process, as its threads are.
static THREADS: OnceLock<Runtime> = OnceLock::new();

thread_local! {
    /// Whether what is polled on this thread gave way.
    static GAVE_WAY: Cell<bool> = const { Cell::new(false) };
    /// Whether this thread is one of the background's.
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// What may go on in the background.
pub type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Starts the threads. Without them everything is done where it was begun.
///
/// # Errors
/// The system has no more threads.
pub fn start() -> anyhow::Result<()> {
    let runtime = Builder::new_multi_thread()
        .thread_name("background")
        .on_thread_start(|| {
            HERE.set(true);
            // Where it is not allowed, the thread is like any other.
            let _ = setpriority_process(None, NICER);
        })
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()
        .context("can't start the threads for what takes long")?;
    // Started before: those serve as well.
    if let Err(second) = THREADS.set(runtime) {
        second.shutdown_background();
    }
    Ok(())
}

/// Whether this is a thread of the background's.
#[must_use]
pub fn here() -> bool {
    HERE.get()
}

/// Says that what is polled on this thread takes long. It is to return `Pending`,
/// and to have its task woken.
pub fn give_way() {
    GAVE_WAY.set(true);
}

/// Whether what `poll` does gives way. If it does not, and is not ready, it waits.
pub fn gives_way<T>(poll: impl FnOnce() -> T) -> (T, bool) {
    let before = GAVE_WAY.replace(false);
    let polled = poll();
    let gave_way = GAVE_WAY.get();
    GAVE_WAY.set(before || gave_way);
    (polled, gave_way)
}

/// Goes on in the background, if that can be, before something is done with so many
/// bytes that takes long.
pub async fn enter_with(bytes: usize) {
    if bytes > LARGE_BYTES {
        enter().await;
    }
}

/// Goes on in the background, if that can be: before something that takes long.
async fn enter() {
    let mut asked = here();
    poll_fn(|cx| {
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        give_way();
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls `work`. If that gives way, it goes on in the background, and ends if
/// what is left in its place is dropped.
pub fn poll<T: Send + 'static>(work: &mut Work<T>, cx: &mut Context<'_>) -> Poll<T> {
    let (polled, gave_way) = gives_way(|| work.as_mut().poll(cx));
    if polled.is_ready() || !gave_way || here() {
        return polled;
    }
    let Some(threads) = THREADS.get() else { return polled };
    let moved = std::mem::replace(work, Box::pin(pending()));
    let mut moved = AbortOnDropHandle::new(threads.spawn(moved));
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
        assert_eq!(during.await, (true, Some("background".into())));
        assert_eq!((here(), name()), (false, before));
    }

    #[tokio::test]
    async fn what_only_waits_stays() {
        start().unwrap();
        let during = movable(Box::pin(async {
            tokio::task::yield_now().await;
            here()
        }));
        assert!(!during.await);
    }

    #[tokio::test]
    async fn outside_of_it_entering_is_a_turn_for_others() {
        enter().await;
        assert!(!here());
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
