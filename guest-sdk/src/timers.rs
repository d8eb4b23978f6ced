//! Timers. They outlive hibernation, and wake the handler.

use std::time::Duration;

use crate::{Error, TimerId, host};

/// Delivers the payload to [`info`](crate::Handler::info) once, as a
/// [`Message::Timer`](crate::Message::Timer), this long after the end of this
/// callback. The host counts whole milliseconds; a fraction is rounded up.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init` and `terminate`; [`Error::Invalid`] for no
/// time at all, or more than the host can count to; [`Error::Limit`] for too
/// many timers, or a payload that is too long.
pub fn start(after: Duration, payload: impl AsRef<[u8]>) -> Result<TimerId, Error> {
    host::start_timer(after, payload.as_ref())
}

/// Stops a timer. True: it was running, and nothing will be delivered. False:
/// it has fired, was cancelled, or never was.
pub fn cancel(timer: TimerId) -> bool {
    host::cancel_timer(timer)
}
