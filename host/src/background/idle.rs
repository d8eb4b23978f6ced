//! Linux's policy for threads that run when no other wants to.
#![expect(unsafe_code, reason = "a system call that rustix doesn't have")]

/// Has the system run this thread when it has nothing better to do, and stop it as
/// soon as it has (`SCHED_IDLE`, sched(7)).
///
/// A nice value isn't enough: it makes a thread's share small, but whoever is woken
/// meanwhile waits until its slice of a few milliseconds is over.
pub(super) fn make_this_thread_idle() {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the call reads the parameters, which live until it returns. 0 is this
    // thread. Where it is not allowed, the thread is like any other.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameters) };
}
