//! The host's side of the accessor: what its calls do.

use std::{cell::Cell, mem, ops::Range, sync::Arc};

use smallvec::SmallVec;
use wasmtime::{
    AsContext as _, StoreContextMut, bail,
    component::{Linker, WasmList},
};

use super::{
    Damaged, Invalid, Snapshot,
    baseline::{Baseline, Image},
    diff::{self, Lines, Parts},
    dirty::Faults,
    linear_memory, rewrite, varint,
};

/// What the accessor's calls to the host do now.
#[derive(Debug, Default)]
pub enum Transfer {
    /// Nothing: no transfer is under way.
    #[default]
    Idle,
    /// Take everything as it is.
    Image(Image),
    /// Take what differs from the baseline.
    Save(Save),
    /// Put back what differs from the baseline.
    Load(Load),
}

/// A snapshot being taken.
#[derive(Debug)]
pub struct Save {
    pub(super) baseline: Arc<Baseline>,
    /// The snapshot's body: what its owner adds, the pages that each memory has grown
    /// by, the globals, and the memories.
    pub(super) body: Vec<u8>,
    /// Where the pages stand in the body.
    pub(super) growth_at: usize,
    pub(super) globals: usize,
    pub(super) memories: usize,
    /// The pointers of the stacks that are known.
    pub(super) pointers: SmallVec<[u64; 1]>,
    /// How long the body may get.
    pub(super) max_bytes: usize,
    /// The body got longer, or a memory could not be passed: it has 4 GiB.
    pub(super) too_large: bool,
    pub(super) difference: Difference,
    /// Whether the parts that may differ have to be found.
    pub(super) finds_parts: bool,
}

/// A snapshot being put back.
#[derive(Debug)]
pub struct Load {
    pub(super) baseline: Arc<Baseline>,
    pub(super) body: Vec<u8>,
    /// Where the body goes on.
    pub(super) at: usize,
    /// What the snapshot's owner had added.
    pub(super) added: Range<usize>,
    pub(super) globals: usize,
    pub(super) memories: usize,
    /// The pages of each memory.
    pub(super) pages: SmallVec<[u32; 1]>,
    /// The instance that it is put into.
    pub(super) into: Difference,
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
    fn of_fresh(baseline: &Baseline) -> Self {
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

/// Pages of 64 KiB.
const WASM_PAGE: usize = 65_536;

/// How many pages so many bytes are.
fn wasm_pages(bytes: usize) -> u32 {
    u32::try_from(bytes / WASM_PAGE).expect("a memory has 65,536 pages at most")
}

/// Makes the host's side available to rewritten components. `transfer` finds
/// the state of it in a store's.
///
/// # Errors
/// Only if the linker had the interface already.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    transfer: fn(&mut T) -> &mut Transfer,
) -> wasmtime::Result<()> {
    let mut host = linker.instance(rewrite::HOST)?;
    host.func_wrap("save-global", move |mut store, (bits,): (u64,)| {
        transfer(store.data_mut()).save_global(bits)
    })?;
    host.func_wrap("load-global", move |mut store, (): ()| {
        Ok((transfer(store.data_mut()).loading()?.global()?,))
    })?;
    host.func_wrap("load-growth", move |mut store, (): ()| {
        Ok((transfer(store.data_mut()).loading()?.growth()?,))
    })?;
    type Memory = (u32, WasmList<u8>);
    host.func_wrap(
        "save-memory",
        move |mut store: StoreContextMut<'_, T>, (pages, memory): Memory| {
            let mut now = mem::take(transfer(store.data_mut()));
            let saved = now.save_memory(pages, memory.as_le_slice(store.as_context()));
            *transfer(store.data_mut()) = now;
            saved
        },
    )?;
    host.func_wrap(
        "load-memory",
        move |mut store: StoreContextMut<'_, T>, (pages, memory): Memory| {
            let mut now = mem::take(transfer(store.data_mut()));
            let load = now.loading()?;
            let loaded = linear_memory::with_bytes_mut(&mut store, &memory, |bytes| {
                load.memory(pages, bytes)
            });
            *transfer(store.data_mut()) = now;
            Ok(loaded?)
        },
    )
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

impl Transfer {
    /// Begins a snapshot, with what its owner adds, of `max_bytes` at most before it
    /// is packed. `room` is a [`Difference`] that is not needed any more.
    #[must_use]
    pub fn save(
        baseline: &Arc<Baseline>,
        added: &[u8],
        max_bytes: usize,
        room: Difference,
    ) -> Self {
        let mut body = take_body();
        varint::put(&mut body, added.len() as u64);
        body.extend_from_slice(added);
        let growth_at = body.len();
        body.resize(growth_at + GROWTH_BYTES * baseline.image.memories.len(), 0);
        let mut difference = room;
        difference.memories.resize_with(baseline.image.memories.len(), Default::default);
        let faults = Faults::now();
        let finds_parts = faults.is_none() || faults != difference.found;
        difference.found = faults;
        Self::Save(Save {
            baseline: baseline.clone(),
            body,
            growth_at,
            globals: 0,
            memories: 0,
            pointers: SmallVec::new(),
            max_bytes,
            too_large: false,
            difference,
            finds_parts,
        })
    }

    /// Ends a snapshot, and says what the instance differs in. Returns `None` in place
    /// of the snapshot if it would be too large, and the difference is not known then.
    #[must_use]
    pub fn finish_save(self) -> (Option<Snapshot>, Difference) {
        let Self::Save(save) = self else { return (None, Difference::default()) };
        let snapshot = (!save.too_large).then(|| Snapshot::new(save.baseline.plugin, &save.body));
        keep_body(save.body);
        (snapshot, save.difference)
    }

    /// Begins a restore into a fresh instance whose memories may have
    /// `memory_max_bytes`, with `added_max_bytes` at most of what the snapshot's owner
    /// had added.
    ///
    /// # Errors
    /// [`Invalid`]: the snapshot is not one of this plugin's.
    pub fn load(
        baseline: &Arc<Baseline>,
        snapshot: &Snapshot,
        memory_max_bytes: usize,
        added_max_bytes: usize,
    ) -> Result<Load, Invalid> {
        let mut body = take_body();
        let max = baseline.body_max_bytes(memory_max_bytes).saturating_add(added_max_bytes);
        snapshot.unpack(baseline.plugin, max, &mut body)?;
        Ok(Load::new(baseline, body)?)
    }

    /// Begins to make an instance like a fresh one.
    #[must_use]
    pub fn load_fresh(baseline: &Arc<Baseline>) -> Load {
        let (globals, memories) = (baseline.image.globals.len(), baseline.image.memories.len());
        let mut body = take_body();
        // Nothing is added, nothing has grown, and nothing differs.
        body.resize(1 + GROWTH_BYTES * memories + globals + 2 * memories, 0);
        Load::new(baseline, body).unwrap_or_else(|_| unreachable!("zeros are a fresh instance"))
    }

    /// Ends a restore. The [`Difference`] it returns is only good as room for another.
    ///
    /// # Errors
    /// [`Damaged`]: the snapshot goes on behind the last memory.
    pub fn finish_load(self) -> Result<Difference, Damaged> {
        let Self::Load(load) = self else { return Ok(Difference::default()) };
        if load.at < load.body.len() {
            return Err(Damaged("its length"));
        }
        keep_body(load.body);
        Ok(load.into)
    }

    fn loading(&mut self) -> wasmtime::Result<&mut Load> {
        match self {
            Self::Load(load) => Ok(load),
            _ => bail!("the accessor was called while nothing is restored"),
        }
    }

    fn save_global(&mut self, bits: u64) -> wasmtime::Result<()> {
        match self {
            Self::Image(image) => image.globals.push(bits),
            Self::Save(save) => {
                let old = save.baseline.image.globals[save.globals];
                varint::put(&mut save.body, bits ^ old);
                let stacks = &save.baseline.layout.stacks;
                if stacks.iter().any(|stack| stack.pointer == save.globals) {
                    save.pointers.push(bits);
                }
                save.globals += 1;
            }
            _ => bail!("the accessor was called while nothing is saved"),
        }
        Ok(())
    }

    fn save_memory(&mut self, pages: u32, memory: &[u8]) -> wasmtime::Result<()> {
        let whole = memory.len() / WASM_PAGE == pages as usize;
        match self {
            Self::Image(image) if whole => image.memories.push(memory.into()),
            Self::Image(_) => bail!("a memory of 4 GiB"),
            Self::Save(save) if save.too_large => {}
            Self::Save(save) if whole => {
                let baseline = &save.baseline;
                let image = &baseline.image.memories[save.memories];
                let dead = save.dead(memory.len());
                let difference = &mut save.difference.memories[save.memories];
                // The slot's earlier owner may have written the pages behind the old end.
                let finds_parts = save.finds_parts || difference.pages != pages;
                difference.pages = pages;
                difference.lines.clear();
                let growth = pages - wasm_pages(image.len());
                let at = save.growth_at + GROWTH_BYTES * save.memories;
                save.body[at..at + GROWTH_BYTES].copy_from_slice(&growth.to_le_bytes());
                let (body, max) = (&mut save.body, save.max_bytes);
                if finds_parts {
                    difference.parts.find(memory, baseline.scan);
                }
                let MemoryDifference { parts, lines, .. } = difference;
                let put = diff::put(body, max, image, memory, dead, parts, lines);
                save.too_large = put.is_err();
                save.memories += 1;
            }
            Self::Save(save) => save.too_large = true,
            _ => bail!("the accessor was called while nothing is saved"),
        }
        Ok(())
    }
}

impl Save {
    /// How much of the memory at hand, from its beginning on, is a stack's dead part.
    fn dead(&self, len: usize) -> usize {
        let stacks = self.baseline.layout.stacks.iter().zip(&self.pointers);
        let mut of_this = stacks.filter(|(stack, _)| stack.memory == self.memories);
        // A pointer elsewhere is one that something else is done with.
        let pointer = of_this.next().filter(|(stack, pointer)| **pointer <= stack.top.into());
        pointer.map_or(0, |(_, pointer)| usize::try_from(*pointer).unwrap_or(0).min(len))
    }
}

impl Load {
    fn new(baseline: &Arc<Baseline>, body: Vec<u8>) -> Result<Self, Damaged> {
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
        let into = Difference::of_fresh(baseline);
        let baseline = baseline.clone();
        Ok(Self { baseline, body, at, added, globals: 0, memories: 0, pages, into })
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

    /// Restores into an instance that has been used, and differs in this. It
    /// [has not grown too much](Self::growth_from).
    #[must_use]
    pub fn into_used(mut self, difference: Difference) -> Transfer {
        self.into = difference;
        Transfer::Load(self)
    }

    /// Restores into a fresh instance.
    #[must_use]
    pub fn into_fresh(self) -> Transfer {
        Transfer::Load(self)
    }

    fn global(&mut self) -> Result<u64, Damaged> {
        let mut rest = &self.body[self.at..];
        let bits = varint::take(&mut rest).ok_or(Damaged("a global"))?;
        self.at = self.body.len() - rest.len();
        let old = self.baseline.image.globals[self.globals];
        self.globals += 1;
        Ok(bits ^ old)
    }

    fn growth(&self) -> Result<u32, Damaged> {
        let (wanted, has) = (self.pages[self.memories], self.into.memories[self.memories].pages);
        wanted.checked_sub(has).ok_or(Damaged("a memory's size"))
    }

    fn memory(&mut self, pages: u32, memory: &mut [u8]) -> Result<(), Damaged> {
        if pages != self.pages[self.memories] || memory.len() / WASM_PAGE != pages as usize {
            return Err(Damaged("a memory's size"));
        }
        let image = &self.baseline.image.memories[self.memories];
        self.into.memories[self.memories].lines.put_back(image, memory);
        let mut rest = &self.body[self.at..];
        diff::take_runs(&mut rest, memory)?;
        self.at = self.body.len() - rest.len();
        self.memories += 1;
        Ok(())
    }
}
