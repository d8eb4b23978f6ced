//! How many instances may be alive, and whose turn it is to sleep.
//!
//! A connection that wakes takes a [`Slot`], first come first served. When few
//! are left, holders that are idle are asked to sleep: the least recently used,
//! as the CLOCK algorithm finds them. Each does so in its own task, and drops its
//! slot when its instance is gone.
//!
//! An event costs its connection two changes of a state that is its own. The
//! lock is for those that wake, fall asleep, or were found busy by the hand. The
//! hand passes a holder twice at most for each time that it became idle, so that
//! finding one to ask is amortised O(1); and when there is none, the next one
//! to become idle has to be listed, where it is seen that it is needed.

mod holder;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    task::{Context, Poll, Waker},
};

use slab::Slab;
use tokio::sync::oneshot;

use self::{
    holder::{Holder, State},
    sync::{Mutex, MutexGuard},
};
use super::sync;

/// Holders are asked to sleep when fewer than this part of all slots is free, so
/// that one who wakes seldom has to wait for another to fall asleep.
const RESERVE: usize = 16;

/// All slots.
#[derive(Debug)]
pub struct Slots {
    max: usize,
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    /// Slots that nobody has. While there are any, nobody waits.
    free: usize,
    /// How many are to be free.
    reserve: usize,
    /// Those that wait for one, in the order they came.
    waiting: BTreeMap<u64, oneshot::Sender<Slot>>,
    /// The name of the next one that waits.
    next: u64,
    /// How many were asked to sleep, and have not answered yet.
    asked: usize,
    /// The clock: holders that were idle when the hand passed last, or since.
    listed: Slab<Listed>,
    hand: usize,
}

#[derive(Debug)]
struct Listed {
    holder: Arc<Holder>,
    /// Of its task.
    waker: Waker,
}

/// How many slots there are of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Nobody has them.
    pub free: usize,
    /// Those who wait for one.
    pub waiting: usize,
    /// Those who were asked to give theirs back, and have not yet.
    pub asked: usize,
}

/// The right to have an instance. It is free again when this is dropped, which
/// is to be after the instance.
///
/// Who has it is busy at first.
#[derive(Debug)]
pub struct Slot {
    slots: Arc<Slots>,
    holder: Arc<Holder>,
    /// Where it is in the clock, if its state says that it is.
    key: usize,
    /// Whom the clock wakes there.
    waker: Waker,
}

impl Slots {
    /// `max` of them, all free.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        let line = Line {
            free: max,
            reserve: max / RESERVE,
            waiting: BTreeMap::new(),
            next: 0,
            asked: 0,
            listed: Slab::new(),
            hand: 0,
        };
        Arc::new(Self { max, line: Mutex::new(line) })
    }

    /// Takes one, or waits for it behind those that came before. Who doesn't
    /// want to wait any longer drops this, and loses nothing but its turn.
    pub async fn acquire(self: &Arc<Self>) -> Slot {
        let turn = self.line_up();
        self.ask();
        match turn {
            Turn::Now(slot) => slot,
            Turn::Later(_waiting, sent) => {
                sent.await.expect("it stays in line until it is sent a slot")
            }
        }
    }

    /// How many there are of each kind.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let line = self.lock();
        Counts { free: line.free, waiting: line.waiting.len(), asked: line.asked }
    }

    fn slot(self: &Arc<Self>) -> Slot {
        Slot {
            slots: self.clone(),
            holder: Arc::new(Holder::new()),
            key: 0,
            waker: Waker::noop().clone(),
        }
    }

    fn line_up(self: &Arc<Self>) -> Turn {
        let mut line = self.lock();
        if line.free > 0 {
            line.free -= 1;
            return Turn::Now(self.slot());
        }
        let (sender, sent) = oneshot::channel();
        let name = line.next;
        line.next += 1;
        line.waiting.insert(name, sender);
        Turn::Later(Waiting { slots: self.clone(), name }, sent)
    }

    /// Asks as many as are needed.
    fn ask(&self) {
        while let Some(victim) = self.victim() {
            victim.wake();
        }
    }

    fn victim(&self) -> Option<Waker> {
        self.lock().victim(self.max)
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Turns the hand to the next one that is to sleep, if one more is needed.
    fn victim(&mut self, max: usize) -> Option<Waker> {
        while self.reserve + self.waiting.len() > self.free + self.asked && !self.listed.is_empty()
        {
            let key = self.hand;
            // No more are listed than there are slots.
            self.hand = (key + 1) % max;
            let Some(Listed { holder, .. }) = self.listed.get(key) else { continue };
            match holder.pass() {
                State::Idle => {}
                State::Stale => {
                    self.asked += 1;
                    return Some(self.listed.remove(key).waker);
                }
                State::Busy | State::Unlisted | State::Asked => drop(self.listed.remove(key)),
            }
        }
        None
    }
}

impl Slot {
    /// Offers the slot, with the task's waker: from here on its holder is idle,
    /// until it says that it is [`busy`](Self::busy). Ready when it is asked to
    /// sleep: it drops the slot as soon as it can. It is called whenever the
    /// task has nothing to do for its instance, as the last thing of a poll.
    ///
    /// A holder that can't sleep now says that it is busy, and calls this no
    /// more before its instance had something to do.
    pub fn poll_idle(&mut self, cx: &Context<'_>) -> Poll<()> {
        let was = self.holder.idle();
        if was == State::Unlisted || !self.waker.will_wake(cx.waker()) {
            self.list(cx.waker());
        }
        if self.holder.state() == State::Asked { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Takes the offer back: there is something to do for the instance. If the
    /// holder had been asked to sleep, another one is asked.
    pub fn busy(&mut self) {
        if self.holder.busy() == State::Asked {
            let mut line = self.slots.lock();
            self.holder.set(State::Unlisted);
            line.asked -= 1;
            drop(line);
            self.slots.ask();
        }
    }

    /// Enters the clock, or changes whom it wakes.
    fn list(&mut self, waker: &Waker) {
        // Outlives the lock: dropping a waker may run anything.
        let _before = std::mem::replace(&mut self.waker, waker.clone());
        let mut line = self.slots.lock();
        match self.holder.state() {
            State::Unlisted => {
                self.holder.set(State::Idle);
                let listed = Listed { holder: self.holder.clone(), waker: waker.clone() };
                self.key = line.listed.insert(listed);
            }
            State::Busy | State::Idle | State::Stale => {
                line.listed[self.key].waker.clone_from(waker);
            }
            State::Asked => return,
        }
        drop(line);
        self.slots.ask();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut line = self.slots.lock();
        match self.holder.state() {
            State::Unlisted => {}
            State::Busy | State::Idle | State::Stale => drop(line.listed.remove(self.key)),
            State::Asked => line.asked -= 1,
        }
        let Some((_, first)) = line.waiting.pop_first() else {
            line.free += 1;
            return;
        };
        drop(line);
        // If it has just left, its slot is dropped in turn, and goes to the next.
        let _ = first.send(self.slots.slot());
    }
}

/// How one comes to a slot.
enum Turn {
    Now(Slot),
    Later(Waiting, oneshot::Receiver<Slot>),
}

/// A place in the line, which is left when this is dropped.
struct Waiting {
    slots: Arc<Slots>,
    name: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.slots.lock().waiting.remove(&self.name);
    }
}
