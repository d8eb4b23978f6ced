//! Warm instances: those that no connection has, ready for the next that needs one.
//!
//! An instance whose snapshot was just taken differs from a fresh one in a way that
//! is known. So it need not be dropped: the next restore puts back what differs, and
//! writes what the snapshot has. Nothing is mapped, unmapped or compiled for it.
//!
//! An instance is warm only if a restore leaves nothing of the connection before:
//!
//! | State | What becomes of it |
//! |---|---|
//! | memories | each line that differs is put back, those below the stack pointer too |
//! | memories that grew | serve snapshots that have grown as far, or further |
//! | globals | every restore sets all that can change |
//! | tables, segments | can't change in a component that can hibernate |
//! | handles | the guest has those that the host gave it and no free places, or it isn't kept |
//! | WASI's random numbers | made anew |
//! | timers, subscriptions, lines begun | are the ledger's, which goes with the connection |
//! | the limit hit last, the clock | begin anew |
//! | the fiber's stack | is zeroed by wasmtime |
//!
//! Each thread has a stack of them, so that an instance mostly stays with one
//! processor's caches. A task gives back those that were not needed for a while.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use super::{
    instance::{Instance, Template},
    ledger::Ledger,
};
use crate::{
    hibernation::Load,
    observe::metrics::{Level, thread_place},
};

/// Stacks, of which each of the first threads has one alone.
const STACKS: usize = 16;
/// Instances that one stack holds: a callback at a time needs one, others have grown
/// otherwise or have other handles.
const STACK_MAX: usize = 4;
/// The part of all warm instances that one plugin may have.
const PLUGIN_SHARE: usize = 4;
/// An instance is not kept if its memories have grown by more pages of 64 KiB: they
/// never get smaller.
const GROWTH_MAX_PAGES: u64 = 16;
/// Pages of 64 KiB.
const WASM_PAGE: usize = 64 * 1024;
/// For how long an instance that is not needed is kept, and half of that again.
const QUIET: Duration = Duration::from_secs(2);

/// How many warm instances a host may have.
#[derive(Debug)]
pub struct WarmRoom {
    max: usize,
    taken: AtomicUsize,
}

impl WarmRoom {
    /// Room for so many. With 0 every restore makes a new instance.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, taken: AtomicUsize::new(0) })
    }

    fn take(self: &Arc<Self>) -> Option<Place> {
        if self.taken.fetch_add(1, Relaxed) < self.max {
            return Some(Place(self.clone()));
        }
        self.taken.fetch_sub(1, Relaxed);
        None
    }
}

/// The right to keep one instance.
struct Place(Arc<WarmRoom>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Relaxed);
    }
}

/// The warm instances of one version of a plugin.
pub(super) struct Warm {
    stacks: [Mutex<Stack>; STACKS],
    count: AtomicUsize,
    /// Whether a task looks for those that are not needed.
    is_trimmed: AtomicBool,
    metric: Level,
}

#[derive(Default)]
struct Stack {
    /// The one that was used last is on top.
    instances: Vec<(Box<Instance>, Place)>,
    /// How many at the bottom were not needed since the last trim.
    unused: usize,
}

impl Warm {
    pub(super) fn new(metric: Level) -> Arc<Self> {
        let stacks = std::array::from_fn(|_| Mutex::default());
        let (count, is_trimmed) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { stacks, count, is_trimmed, metric })
    }

    /// Takes an instance that this can be restored into.
    pub(super) fn take(&self, load: &Load) -> Option<Box<Instance>> {
        self.find(|stack| stack.take(load))
    }

    /// Takes an instance that this can be restored into without a call: it has the same
    /// handles and need not grow.
    pub(super) fn take_alike(&self, load: &Load) -> Option<Box<Instance>> {
        self.find(|stack| stack.take_alike(load))
    }

    fn find(
        &self,
        take: impl Fn(&mut Stack) -> Option<(Box<Instance>, Place)>,
    ) -> Option<Box<Instance>> {
        if self.count.load(Relaxed) == 0 {
            return None;
        }
        let own = thread_place() % STACKS;
        let (instance, place) =
            (0..STACKS).find_map(|n| take(&mut self.stack((own + n) % STACKS)))?;
        drop(place);
        self.changed_by(-1);
        Some(instance)
    }

    fn has_room(&self, room: &WarmRoom) -> bool {
        self.count.load(Relaxed) < room.max.div_ceil(PLUGIN_SHARE)
    }

    /// Keeps an instance, if there is room.
    fn put(self: &Arc<Self>, instance: Box<Instance>, room: &Arc<WarmRoom>) {
        let Some(place) = room.take().filter(|_| self.has_room(room)) else { return };
        self.changed_by(1);
        let dropped = {
            let mut stack = self.stack(thread_place() % STACKS);
            stack.instances.push((instance, place));
            (stack.instances.len() > STACK_MAX).then(|| {
                stack.unused = stack.unused.saturating_sub(1);
                stack.instances.remove(0)
            })
        };
        if dropped.is_some() {
            self.changed_by(-1);
        }
        if !self.is_trimmed.swap(true, SeqCst) {
            tokio::spawn(trim(Arc::downgrade(self)));
        }
    }

    fn changed_by(&self, by: isize) {
        if by > 0 {
            self.count.fetch_add(1, SeqCst);
            self.metric.add(1);
        } else {
            self.count.fetch_sub(1, Relaxed);
            self.metric.sub(1);
        }
    }

    fn stack(&self, number: usize) -> MutexGuard<'_, Stack> {
        self.stacks[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops those that were not needed since the last call. Returns whether any are
    /// left.
    fn drop_unused(&self) -> bool {
        for number in 0..STACKS {
            let unused: Vec<_> = {
                let mut stack = self.stack(number);
                let unused = stack.unused;
                stack.unused = stack.instances.len() - unused;
                stack.instances.drain(..unused).collect()
            };
            unused.iter().for_each(|_| self.changed_by(-1));
        }
        self.count.load(Relaxed) > 0
    }
}

impl Drop for Warm {
    fn drop(&mut self) {
        self.metric.sub(self.count.load(Relaxed));
    }
}

impl Stack {
    /// Takes an instance that has grown as far and has the same handles, or else one that
    /// can be made so.
    fn take(&mut self, load: &Load) -> Option<(Box<Instance>, Place)> {
        self.take_alike(load).or_else(|| {
            let can_be_made_so = |instance: &Instance| {
                let has_handles = instance.given() == load.added();
                growth(instance, load).is_some() && (has_handles || instance.given().is_empty())
            };
            self.take_last(can_be_made_so)
        })
    }

    /// Takes an instance that has grown as far and has the same handles.
    fn take_alike(&mut self, load: &Load) -> Option<(Box<Instance>, Place)> {
        self.take_last(|instance| {
            instance.given() == load.added() && growth(instance, load) == Some(0)
        })
    }

    fn take_last(&mut self, is_it: impl Fn(&Instance) -> bool) -> Option<(Box<Instance>, Place)> {
        let at = self.instances.iter().rposition(|(instance, _)| is_it(instance))?;
        let taken = self.instances.remove(at);
        self.unused = self.unused.min(self.instances.len());
        Some(taken)
    }
}

/// The pages that an instance has to grow by for this.
fn growth(instance: &Instance, load: &Load) -> Option<u64> {
    load.growth_from(instance.difference()?)
}

/// Gives back what is not needed, as long as there is something.
async fn trim(warm: Weak<Warm>) {
    loop {
        tokio::time::sleep(QUIET).await;
        let Some(warm) = warm.upgrade() else { return };
        if !warm.drop_unused() {
            warm.is_trimmed.store(false, SeqCst);
            // One that was kept meanwhile relied on this task.
            if warm.count.load(SeqCst) == 0 || warm.is_trimmed.swap(true, SeqCst) {
                return;
            }
        }
    }
}

impl Template {
    /// Takes an instance from its connection, and keeps it warm if it can be used
    /// again. Returns what the connection holds of the host, if it holds anything.
    pub fn recycle(
        &self,
        mut instance: Box<Instance>,
        room: &Arc<WarmRoom>,
    ) -> Option<Box<Ledger>> {
        let ledger = instance.store.data_mut().take_ledger();
        let grown = self
            .can_hibernate()
            .ok()
            .zip(instance.difference())
            .map(|(hibernation, difference)| difference.pages() - hibernation.baseline_pages());
        if grown.is_some_and(|pages| pages <= GROWTH_MAX_PAGES) {
            self.warm.put(instance, room);
        }
        ledger
    }

    /// Takes an instance from a connection that has ended, and keeps it warm if it can
    /// be used again. Its last callback has returned.
    pub async fn retire(&self, mut instance: Box<Instance>, room: &Arc<WarmRoom>) {
        let Ok(hibernation) = self.can_hibernate() else { return };
        let pages = (instance.memory_bytes() / WASM_PAGE) as u64;
        if pages <= hibernation.baseline_pages() + GROWTH_MAX_PAGES
            && self.warm.has_room(room)
            && instance.hibernate().await.is_ok()
        {
            self.recycle(instance, room);
        }
    }
}
