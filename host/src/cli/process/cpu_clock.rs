//! The processor-time clock of another process.
#![expect(unsafe_code, reason = "system calls that rustix doesn't have")]

use std::{io, mem::MaybeUninit, time::Duration};

/// Returns the processor time that a process has used, by all threads it ever had, user
/// and system together (clock_getcpuclockid(3)). Its resolution is a nanosecond, where
/// that of `/proc/PID/stat` is 10 ms.
///
/// # Errors
/// There is no such process.
pub(super) fn cpu_time(pid: u32) -> io::Result<Duration> {
    let no_such_process = || io::Error::from_raw_os_error(libc::ESRCH);
    // 0 would be this process.
    let pid = libc::pid_t::try_from(pid).ok().filter(|pid| *pid > 0).ok_or_else(no_such_process)?;
    let mut clock: libc::clockid_t = 0;
    // SAFETY: the call writes the clock's id, which lives until it returns.
    let error = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the call writes the time, which lives until it returns.
    if unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has succeeded, so it has written all of it.
    let time = unsafe { time.assume_init() };
    let whole = Duration::from_secs(time.tv_sec.unsigned_abs());
    Ok(whole + Duration::from_nanos(time.tv_nsec.unsigned_abs()))
}
