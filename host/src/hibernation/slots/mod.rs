//! How many instances may be alive, and whose turn it is to sleep.
//!
//! A connection that wakes takes a [`Slot`]. If there is none it waits; a slot that
//! gets free is not kept for it, but offered to the one that has waited longest: a
//! task that is woken runs only after all others that can, and meanwhile the slot
//! serves those that run. While few
//! are left, most who take one have it [for a moment](Slot::is_for_a_moment): they
//! sleep as soon as they have nothing to do. So very many connections that each
//! speak seldom pass through the few slots that are left, and wake nobody. One in
//! `STAYS` stays, and for it a holder that is idle is asked to sleep: the least
//! recently used, as the CLOCK algorithm finds it. A connection that speaks often
//! thus soon keeps its slot, and one that speaks seldom doesn't take another's.
//! (Caches know this as bimodal insertion, Qureshi and others, 2007.)
//!
//! Each holder sleeps in its own task, and drops its slot when its instance is gone.
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
    mem,
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

/// Holders are asked to sleep when fewer than this part of all slots is free or held
/// for a moment, so that a connection that wakes seldom has to wait.
const RESERVE: usize = 16;

/// One in so many stays, of those that wake while few slots are left.
const STAYS: usize = 32;

/// All slots.
#[derive(Debug)]
pub struct Slots {
    max: usize,
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    /// Slots that nobody has. While there are any, one that waits was told so.
    free: usize,
    /// Slots that are held for a moment.
    momentary: usize,
    /// How many are to be free, or held for a moment.
    reserve: usize,
    /// How many were given for a moment since one stayed.
    passed: usize,
    /// Those that wait to be told that one is free, by their places in the line.
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
    /// The place of the next one that waits.
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
    is_for_a_moment: bool,
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
            momentary: 0,
            reserve: max / RESERVE,
            passed: 0,
            waiting: BTreeMap::new(),
            next: 0,
            asked: 0,
            listed: Slab::new(),
            hand: 0,
        };
        Arc::new(Self { max, line: Mutex::new(line) })
    }

    /// Takes one, or waits for it. Who doesn't want to wait any longer drops this, and
    /// loses nothing but its place in the line.
    pub async fn acquire(self: &Arc<Self>) -> Slot {
        let mut place = None;
        loop {
            let told = match self.try_acquire(&mut place) {
                Ok(slot) => return slot,
                Err(told) => told,
            };
            self.ask();
            told.await.expect("it stays in line until it is told");
        }
    }

    /// Takes one that is free.
    #[must_use]
    pub fn try_take(self: &Arc<Self>) -> Option<Slot> {
        let line = self.lock();
        (line.free > 0).then(|| self.take(line))
    }

    /// Takes one of those that are free.
    fn take(self: &Arc<Self>, mut line: MutexGuard<'_, Line>) -> Slot {
        let slot = self.slot(line.take());
        drop(line);
        self.ask();
        slot
    }

    /// How many there are of each kind.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let line = self.lock();
        Counts { free: line.free, waiting: line.waiting.len(), asked: line.asked }
    }

    fn slot(self: &Arc<Self>, is_for_a_moment: bool) -> Slot {
        Slot {
            slots: self.clone(),
            holder: Arc::new(Holder::new()),
            is_for_a_moment,
            key: 0,
            waker: Waker::noop().clone(),
        }
    }

    /// Takes one that is free, or else waits at this place in the line.
    fn try_acquire(
        self: &Arc<Self>,
        place: &mut Option<Waiting>,
    ) -> Result<Slot, oneshot::Receiver<()>> {
        let mut line = self.lock();
        if line.free > 0 {
            return Ok(self.take(line));
        }
        let place = place.get_or_insert_with(|| {
            line.next += 1;
            Waiting { slots: self.clone(), name: line.next }
        });
        let (sender, told) = oneshot::channel();
        line.waiting.insert(place.name, sender);
        Err(told)
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
    /// Takes one that is free. Returns whether it is for a moment.
    fn take(&mut self) -> bool {
        let is_short =
            self.reserve > 0 && self.free + self.momentary <= self.reserve + self.waiting.len();
        self.free -= 1;
        self.passed = if is_short { (self.passed + 1) % STAYS } else { 0 };
        let is_for_a_moment = is_short && self.passed > 0;
        self.momentary += usize::from(is_for_a_moment);
        is_for_a_moment
    }

    /// The first that waits, if there is a slot for it: it is told so.
    fn next_waiting(&mut self) -> Option<oneshot::Sender<()>> {
        if self.free == 0 {
            return None;
        }
        self.waiting.pop_first().map(|(_, first)| first)
    }

    /// How many holders are to sleep: as many as the reserve lacks, and some more while
    /// others wait. A slot that gets free soon serves many of those, one after another.
    fn wanted(&self) -> usize {
        let lacking = self.reserve.saturating_sub(self.free + self.momentary);
        let at_once = if self.reserve == 0 { usize::MAX } else { self.reserve };
        let waiting = if self.free == 0 { self.waiting.len().min(at_once) } else { 0 };
        lacking + waiting
    }

    /// Turns the hand to the next one that is to sleep, if one more is needed.
    fn victim(&mut self, max: usize) -> Option<Waker> {
        while self.wanted() > self.asked && !self.listed.is_empty() {
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
    /// Whether its holder is to sleep as soon as it has nothing to do.
    #[must_use]
    pub fn is_for_a_moment(&self) -> bool {
        self.is_for_a_moment
    }

    /// Keeps the slot for longer: its holder can't sleep now.
    pub fn keep(&mut self) {
        if mem::take(&mut self.is_for_a_moment) {
            self.slots.lock().momentary -= 1;
            self.slots.ask();
        }
    }

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
    /// holder had been asked to sleep, it has the slot for a moment from now on, and
    /// another one is asked if that is not enough.
    pub fn busy(&mut self) {
        if self.holder.busy() == State::Asked {
            let mut line = self.slots.lock();
            self.holder.set(State::Unlisted);
            line.asked -= 1;
            line.momentary += usize::from(!mem::replace(&mut self.is_for_a_moment, true));
            drop(line);
            self.slots.ask();
        }
    }

    /// Enters the clock, or changes whom it wakes.
    fn list(&mut self, waker: &Waker) {
        // Outlives the lock: dropping a waker may run anything.
        let _before = mem::replace(&mut self.waker, waker.clone());
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
        line.momentary -= usize::from(self.is_for_a_moment);
        line.free += 1;
        let first = line.next_waiting();
        drop(line);
        if let Some(first) = first {
            // If it has just left, it tells the next.
            let _ = first.send(());
        }
    }
}

/// A place in the line, which is left when this is dropped.
#[derive(Debug)]
struct Waiting {
    slots: Arc<Slots>,
    name: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut line = self.slots.lock();
        if line.waiting.remove(&self.name).is_some() {
            return;
        }
        // It was told of a slot, and may not have taken it.
        let next = line.next_waiting();
        drop(line);
        if let Some(next) = next {
            let _ = next.send(());
        }
    }
}
