//! A timer with the kernel's resolution, because tokio's rounds up to a millisecond:
//! as long as a hundred messages take.
#![expect(unsafe_code, reason = "registering a file with tokio")]

use std::{io, os::fd::OwnedFd, time::Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::{Interest, unix::AsyncFd};

/// A timer of one task.
pub(super) struct Timer(AsyncFd<OwnedFd>);

impl Timer {
    /// Makes a timer on the runtime of the caller.
    ///
    /// # Errors
    /// The process has too many open files.
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // SAFETY: the timer owns its file descriptor, and nothing here closes or replaces it.
        Ok(Self(unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE)? }))
    }

    /// Waits until this time. Returns at once if it has passed.
    pub(super) async fn until(&self, at: Instant) -> io::Result<()> {
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let it_value = Timespec::try_from(left).map_err(io::Error::other)?;
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval, it_value };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
        let mut expirations = [0; 8];
        self.0
            .async_io(Interest::READABLE, |timer| Ok(rustix::io::read(timer, &mut expirations)?))
            .await?;
        Ok(())
    }
}
