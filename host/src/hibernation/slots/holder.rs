//! What one that has a slot is doing.
//!
//! What a holder does, and the hand of the clock, change its state:
//!
//! | | `poll_idle` | `busy` | the hand passes |
//! |---|---|---|---|
//! | `Unlisted` (at first) | `Idle`, and is listed | | is not listed |
//! | `Busy` | `Idle` | | `Unlisted` |
//! | `Idle` | | `Busy` | `Stale` |
//! | `Stale` | | `Busy` | `Asked` |
//! | `Asked` | told so | `Unlisted`, for a moment | is not listed |

use super::sync::{AtomicU8, Ordering};

/// What the clock knows of one that has a slot.
#[derive(Debug)]
pub(super) struct Holder(AtomicU8);

/// What a holder is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum State {
    /// It is busy, and not in the clock: it has to enter it to be idle.
    Unlisted,
    /// It is busy, and still in the clock.
    Busy,
    /// It has become idle since the hand passed.
    Idle,
    /// It has been idle since before the hand passed.
    Stale,
    /// It was asked to sleep, and is not in the clock any more.
    Asked,
}

impl Holder {
    pub(super) fn new() -> Self {
        Self(AtomicU8::new(State::Unlisted as u8))
    }

    /// Its owner has nothing to do. Returns what the state was, as the others do.
    pub(super) fn idle(&self) -> State {
        self.change(|state| (state == State::Busy).then_some(State::Idle))
    }

    /// Its owner has something to do. One that was asked is left so.
    pub(super) fn busy(&self) -> State {
        self.change(|state| matches!(state, State::Idle | State::Stale).then_some(State::Busy))
    }

    /// The hand passes.
    pub(super) fn pass(&self) -> State {
        self.change(|state| match state {
            State::Busy => Some(State::Unlisted),
            State::Idle => Some(State::Stale),
            State::Stale => Some(State::Asked),
            State::Unlisted | State::Asked => None,
        })
    }

    fn change(&self, to: impl Fn(State) -> Option<State>) -> State {
        let to = |state| to(State::of(state)).map(|state| state as u8);
        let was = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, to);
        State::of(was.unwrap_or_else(|unchanged| unchanged))
    }

    pub(super) fn state(&self) -> State {
        State::of(self.0.load(Ordering::Acquire))
    }

    /// For what the hand doesn't touch.
    pub(super) fn set(&self, state: State) {
        self.0.store(state as u8, Ordering::Release);
    }
}

impl State {
    fn of(byte: u8) -> Self {
        const ALL: [State; 5] =
            [State::Unlisted, State::Busy, State::Idle, State::Stale, State::Asked];
        ALL[usize::from(byte)]
    }
}
