//! The host's side of the accessor: what its calls do.

use std::{cell::Cell, mem, sync::Arc};

use smallvec::SmallVec;
use wasmtime::{
    AsContext as _, StoreContextMut, bail,
    component::{Linker, WasmList},
};

use super::{
    Damaged, Invalid, Snapshot,
    baseline::{Baseline, Image},
    diff, linear_memory, rewrite, varint,
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
    pub(super) body: Vec<u8>,
    pub(super) globals: usize,
    pub(super) memories: usize,
    /// The pointers of the stacks that are known.
    pub(super) pointers: SmallVec<[u64; 1]>,
    /// How long the body may get.
    pub(super) max_bytes: usize,
    /// It got longer, or a memory could not be passed: it has 4 GiB.
    pub(super) too_large: bool,
}

/// A snapshot being put back.
#[derive(Debug)]
pub struct Load {
    pub(super) baseline: Arc<Baseline>,
    pub(super) body: Vec<u8>,
    pub(super) at: usize,
    pub(super) globals: usize,
    pub(super) memories: usize,
    pub(super) pages: u32,
}

/// Pages of 64 KiB.
const WASM_PAGE: usize = 65_536;

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
    /// Begins a snapshot of `max_bytes` at most, before it is packed.
    #[must_use]
    pub fn save(baseline: &Arc<Baseline>, max_bytes: usize) -> Self {
        Self::Save(Save {
            baseline: baseline.clone(),
            body: take_body(),
            globals: 0,
            memories: 0,
            pointers: SmallVec::new(),
            max_bytes,
            too_large: false,
        })
    }

    /// Ends a snapshot, with what its owner adds. None: it would be too large.
    #[must_use]
    pub fn finish_save(self, added: &[u8]) -> Option<Snapshot> {
        let Self::Save(mut save) = self else { return None };
        save.body.extend_from_slice(added);
        let snapshot = (!save.too_large).then(|| Snapshot::pack(save.baseline.plugin, &save.body));
        keep_body(save.body);
        snapshot
    }

    /// Begins a restore of an instance whose memories may have `memory_max_bytes`,
    /// with `added_max_bytes` at most of what its owner had added.
    ///
    /// # Errors
    /// [`Invalid`]: it is no snapshot of this plugin's.
    pub fn load(
        baseline: &Arc<Baseline>,
        snapshot: &Snapshot,
        memory_max_bytes: usize,
        added_max_bytes: usize,
    ) -> Result<Self, Invalid> {
        let mut body = take_body();
        let max = baseline.body_max_bytes(memory_max_bytes).saturating_add(added_max_bytes);
        snapshot.unpack(baseline.plugin, max, &mut body)?;
        let baseline = baseline.clone();
        Ok(Self::Load(Load { baseline, body, at: 0, globals: 0, memories: 0, pages: 0 }))
    }

    /// Ends a restore, and returns what the owner had added, which has to be
    /// checked: nothing else tells its length.
    #[must_use]
    pub fn finish_load(self) -> Box<[u8]> {
        let Self::Load(load) = self else { return Box::default() };
        let added = load.body[load.at..].into();
        keep_body(load.body);
        added
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
                let (body, max) = (&mut save.body, save.max_bytes);
                let put = diff::put(body, max, image, memory, dead, baseline.scan);
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
    fn global(&mut self) -> Result<u64, Damaged> {
        let mut rest = &self.body[self.at..];
        let bits = varint::take(&mut rest).ok_or(Damaged("a global"))?;
        self.at = self.body.len() - rest.len();
        let old = self.baseline.image.globals[self.globals];
        self.globals += 1;
        Ok(bits ^ old)
    }

    fn growth(&mut self) -> Result<u32, Damaged> {
        let mut rest = &self.body[self.at..];
        let growth = diff::take_growth(&mut rest)?;
        self.at = self.body.len() - rest.len();
        let before = self.baseline.image.memories[self.memories].len() / WASM_PAGE;
        self.pages = u32::try_from(before)
            .ok()
            .and_then(|before| before.checked_add(growth))
            .ok_or(Damaged("a memory's size"))?;
        Ok(growth)
    }

    fn memory(&mut self, pages: u32, memory: &mut [u8]) -> Result<(), Damaged> {
        if pages != self.pages || memory.len() / WASM_PAGE != pages as usize {
            return Err(Damaged("a memory's size"));
        }
        let mut rest = &self.body[self.at..];
        diff::take_runs(&mut rest, memory)?;
        self.at = self.body.len() - rest.len();
        self.memories += 1;
        Ok(())
    }
}
