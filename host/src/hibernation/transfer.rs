//! Snapshots taken of instances, and put back into them.

use std::{cell::Cell, ops::Range, sync::Arc};

use smallvec::SmallVec;
use wasmtime::Store;

use super::{
    Damaged, Invalid, Snapshot,
    baseline::Baseline,
    diff::{self, Lines, Parts},
    dirty::Faults,
    reach::{HasReach, View, WASM_PAGE},
    varint,
};

/// A snapshot to be put back.
#[derive(Debug)]
pub struct Load {
    baseline: Arc<Baseline>,
    body: Vec<u8>,
    /// Where the globals begin in the body.
    at: usize,
    /// What the snapshot's owner had added.
    added: Range<usize>,
    /// The pages that each memory is to have.
    pages: SmallVec<[u32; 1]>,
}

/// What an instance differs in from a fresh one, so that it can be made like one.
///
/// Its globals are not listed: every restore sets all of them.
#[derive(Debug, Default)]
pub struct Difference {
    memories: SmallVec<[MemoryDifference; 1]>,
    /// When the parts were found, if only this thread has used the instance since. They
    /// need not be found again if it had no page fault.
    found: Option<Faults>,
}

#[derive(Debug, Default)]
struct MemoryDifference {
    /// How many pages the memory has.
    pages: u32,
    lines: Lines,
    /// The parts that may differ.
    parts: Parts,
}

impl Difference {
    /// A fresh instance's.
    #[must_use]
    pub fn of_fresh(baseline: &Baseline) -> Self {
        let memories = baseline.image.memories.iter();
        let memories = memories.map(|image| MemoryDifference {
            pages: wasm_pages(image.len()),
            ..MemoryDifference::default()
        });
        Self { memories: memories.collect(), found: None }
    }

    /// Says that this thread uses the instance now.
    pub fn used_here(&mut self) {
        self.found = self.found.filter(|faults| faults.are_here());
    }

    /// Says that any thread may have used the instance.
    pub fn used_anywhere(&mut self) {
        self.found = None;
    }

    /// The pages of all memories.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.memories.iter().map(|memory| u64::from(memory.pages)).sum()
    }
}

/// How many pages so many bytes are.
fn wasm_pages(bytes: usize) -> u32 {
    u32::try_from(bytes / WASM_PAGE).expect("a memory has 65,536 pages at most")
}

thread_local! {
    /// The body of the last transfer on this thread, for the next one to fill.
    static BODY: Cell<Vec<u8>> = Cell::default();
}

/// The pages that a memory has grown by, in a body.
const GROWTH_BYTES: usize = size_of::<u32>();

/// A larger body is given back to the allocator.
const BODY_KEPT_BYTES: usize = 1024 * 1024;

fn take_body() -> Vec<u8> {
    let mut body = BODY.take();
    body.clear();
    body
}

fn keep_body(body: Vec<u8>) {
    if body.capacity() <= BODY_KEPT_BYTES {
        BODY.set(body);
    }
}

/// Takes a snapshot of the instance in `store`, with what its owner adds, of `max_bytes` at
/// most before it is packed. `room` is a [`Difference`] that is not needed any more, or
/// that of the last snapshot of this instance.
///
/// Returns the snapshot and the instance's difference to a fresh one. Returns `None` in
/// place of the snapshot if the snapshot would be too large; the difference is not known
/// then.
pub fn save<T: HasReach + 'static>(
    store: &mut Store<T>,
    baseline: &Baseline,
    added: &[u8],
    max_bytes: usize,
    room: Difference,
) -> (Option<Snapshot>, Difference) {
    let view = View::new(store, &baseline.layout);
    let mut body = take_body();
    varint::put(&mut body, added.len() as u64);
    body.extend_from_slice(added);
    for (memory, image) in view.memories.iter().zip(&baseline.image.memories) {
        let growth = wasm_pages(memory.len()) - wasm_pages(image.len());
        body.extend_from_slice(&growth.to_le_bytes());
    }
    for (now, old) in view.globals().zip(&baseline.image.globals) {
        varint::put(&mut body, now ^ old);
    }
    let mut difference = room.begin(baseline);
    let put = difference.put_memories(&mut body, max_bytes, baseline, &view);
    let snapshot = put.is_ok().then(|| Snapshot::new(baseline.plugin, &body));
    keep_body(body);
    (snapshot, difference)
}

impl Difference {
    /// Makes the difference of the last snapshot, or another, the room for the next.
    fn begin(mut self, baseline: &Baseline) -> Self {
        self.memories.resize_with(baseline.image.memories.len(), Default::default);
        let faults = Faults::now();
        if faults.is_none() || faults != self.found {
            self.memories.iter_mut().for_each(|memory| memory.parts.forget());
        }
        self.found = faults;
        self
    }

    fn put_memories(
        &mut self,
        body: &mut Vec<u8>,
        max_bytes: usize,
        baseline: &Baseline,
        view: &View<'_>,
    ) -> Result<(), diff::TooLong> {
        for (number, of_memory) in self.memories.iter_mut().enumerate() {
            let (memory, image) = (&*view.memories[number], &baseline.image.memories[number]);
            let pages = wasm_pages(memory.len());
            if of_memory.pages != pages {
                // The slot's earlier owner may have written the pages behind the old end.
                of_memory.parts.forget();
                of_memory.pages = pages;
            }
            of_memory.parts.find(memory, baseline.scan);
            of_memory.lines.clear();
            let dead = baseline.dead_bytes(number, memory.len(), view);
            let MemoryDifference { parts, lines, .. } = of_memory;
            diff::put(body, max_bytes, image, memory, dead, parts, lines)?;
        }
        Ok(())
    }
}

impl Baseline {
    /// How much of a memory, from its beginning on, is a stack's dead part.
    fn dead_bytes(&self, memory: usize, len: usize, view: &View<'_>) -> usize {
        let stack = self.layout.stacks.iter().find(|stack| stack.memory == memory);
        let pointer = stack.and_then(|stack| {
            let pointer = view.globals().nth(stack.pointer)?;
            // A pointer elsewhere is one that something else is done with.
            (pointer <= stack.top.into()).then_some(pointer)
        });
        pointer.map_or(0, |pointer| usize::try_from(pointer).unwrap_or(0).min(len))
    }
}

impl Load {
    /// Unpacks a snapshot for an instance whose memories may have `memory_max_bytes`, with
    /// `added_max_bytes` at most of what the snapshot's owner had added.
    ///
    /// # Errors
    /// [`Invalid`]: the snapshot is not one of this plugin's.
    pub fn new(
        baseline: &Arc<Baseline>,
        snapshot: &Snapshot,
        memory_max_bytes: usize,
        added_max_bytes: usize,
    ) -> Result<Self, Invalid> {
        let mut body = take_body();
        let max = baseline.body_max_bytes(memory_max_bytes).saturating_add(added_max_bytes);
        snapshot.unpack(baseline.plugin, max, &mut body)?;
        Ok(Self::of_body(baseline, body)?)
    }

    /// Makes the load that turns an instance into a fresh one.
    #[must_use]
    pub fn fresh(baseline: &Arc<Baseline>) -> Self {
        let (globals, memories) = (baseline.image.globals.len(), baseline.image.memories.len());
        let mut body = take_body();
        // Nothing is added, nothing has grown, and nothing differs.
        body.resize(1 + GROWTH_BYTES * memories + globals + 2 * memories, 0);
        Self::of_body(baseline, body).unwrap_or_else(|_| unreachable!("zeros are a fresh instance"))
    }

    fn of_body(baseline: &Arc<Baseline>, body: Vec<u8>) -> Result<Self, Damaged> {
        let mut rest = &body[..];
        let added = varint::take(&mut rest).and_then(|len| usize::try_from(len).ok());
        let start = body.len() - rest.len();
        let added = added.and_then(|len| Some(start..start.checked_add(len)?));
        let added = added.filter(|added| added.end <= body.len()).ok_or(Damaged("a handle"))?;
        let mut at = added.end;
        let mut pages = SmallVec::new();
        for image in &baseline.image.memories {
            let growth = body[at..].first_chunk::<GROWTH_BYTES>();
            let growth = growth.ok_or(Damaged("a memory's size"))?;
            let of_memory = wasm_pages(image.len()).checked_add(u32::from_le_bytes(*growth));
            pages.push(of_memory.ok_or(Damaged("a memory's size"))?);
            at += GROWTH_BYTES;
        }
        Ok(Self { baseline: baseline.clone(), body, at, added, pages })
    }

    /// What the snapshot's owner had added.
    #[must_use]
    pub fn added(&self) -> &[u8] {
        &self.body[self.added.clone()]
    }

    /// How many pages an instance with this difference has to grow by for this
    /// snapshot. Returns `None` if it has more than the snapshot.
    #[must_use]
    pub fn growth_from(&self, difference: &Difference) -> Option<u64> {
        let memories = self.pages.iter().zip(&difference.memories);
        memories.map(|(wanted, has)| wanted.checked_sub(has.pages).map(u64::from)).sum()
    }

    /// Tells the instance in `store` how far to grow. The accessor's `grow` has to be
    /// called next.
    pub fn ask_growth<T: HasReach + 'static>(&self, store: &mut Store<T>) {
        View::new(store, &self.baseline.layout).grow_to(&self.pages);
    }

    /// Puts the snapshot into the instance in `store`, which [has grown](Self::growth_from)
    /// as far and differs from a fresh one in `into`. The [`Difference`] that it returns is
    /// only good as room for another.
    ///
    /// # Errors
    /// [`Damaged`]: it is no whole snapshot; or a memory could not grow.
    pub fn put<T: HasReach + 'static>(
        self,
        store: &mut Store<T>,
        into: Difference,
    ) -> Result<Difference, Damaged> {
        let Baseline { image, layout, .. } = &*self.baseline;
        let mut view = View::new(store, layout);
        let mut rest = &self.body[self.at..];
        for (number, old) in image.globals.iter().enumerate() {
            let bits = varint::take(&mut rest).ok_or(Damaged("a global"))?;
            view.set_global(number, bits ^ old);
        }
        for (number, image) in image.memories.iter().enumerate() {
            let memory = &mut *view.memories[number];
            if memory.len() / WASM_PAGE != self.pages[number] as usize {
                return Err(Damaged("a memory's size"));
            }
            into.memories[number].lines.put_back(image, memory);
            diff::take(&mut rest, memory)?;
        }
        if !rest.is_empty() {
            return Err(Damaged("its length"));
        }
        keep_body(self.body);
        Ok(into)
    }
}
