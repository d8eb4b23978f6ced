//! A batch of frames passed to the guest in one call.
//!
//! The canonical ABI has the host call the guest's `realloc` for the list, and for each
//! of its strings, before it calls `frames`. `batch` does that inside the guest: the
//! host writes the batch into the [window](super::code::Window), and `batch` allocates
//! the same pieces in the same order, copies each of them and calls `frames`. What
//! `frames` returns, `batch` returns.
//!
//! ```text
//! count    4 bytes, little-endian, and 4 that say nothing
//! frames   for each: which case of `frame` it is, and its length, 4 bytes each
//! bytes    of all frames, one behind the other
//! ```

use wasm_encoder::{BlockType, CanonicalOption, Function, MemArg, ValType};
use wasmparser::ValType as Parsed;

use super::{
    code::{self, Indices, State},
    entries::{Entries, EntryOption},
};

/// How `frames` is called.
pub(super) struct Batch {
    /// The type of `batch`, which is that of `opened`: it takes nothing, and returns what
    /// `frames` does.
    pub(super) of: u32,
    /// The core memory that the frames are written to.
    pub(super) memory: u32,
    /// The wrappers of `frames`, and of its `realloc`: which functions these are.
    frames: u32,
    realloc: u32,
    options: Vec<EntryOption>,
}

/// `frame`, a variant of strings and lists of bytes, in a memory.
const FRAME_BYTES: i32 = 12;
const FRAME_ALIGN: i32 = 4;
/// An entry of the batch in the window, and the head before the first.
const ENTRY_BYTES: i32 = 8;

impl Batch {
    /// Returns `None` if the interface's functions are not those of the contract, or
    /// text is not UTF-8 in the guest.
    pub(super) fn of(entries: &Entries<'_>) -> Option<Self> {
        let (frames, opened) = (entries.entry("frames")?, entries.entry("opened")?);
        let option = |find: fn(&EntryOption) -> Option<u32>| frames.options.iter().find_map(find);
        let memory = option(|option| match option {
            EntryOption::Plain(CanonicalOption::Memory(memory)) => Some(*memory),
            _ => None,
        })?;
        let realloc = option(|option| match option {
            EntryOption::Realloc(realloc) => Some(*realloc),
            _ => None,
        })?;
        let is_utf8 = !frames.options.iter().any(|option| {
            matches!(
                option,
                EntryOption::Plain(CanonicalOption::UTF16 | CanonicalOption::CompactUTF16)
            )
        });
        let takes = |wrapper: u32, params: &[Parsed]| {
            let (_, signature) = entries.wrapped[wrapper as usize];
            signature.params() == params && signature.results() == [Parsed::I32]
        };
        let are_as_expected = takes(frames.wrapper, &[Parsed::I32; 2])
            && takes(opened.wrapper, &[])
            && takes(realloc, &[Parsed::I32; 4]);
        let options = frames.options.iter().copied();
        let options = options.filter(|option| !matches!(option, EntryOption::Realloc(_))).collect();
        (is_utf8 && are_as_expected).then_some(Self {
            of: opened.of,
            memory,
            frames: frames.wrapper,
            realloc,
            options,
        })
    }

    /// The options of `batch`, where the first wrapper has this index.
    pub(super) fn options(&self, wrappers: u32) -> Vec<CanonicalOption> {
        self.options.iter().map(|option| option.encode(wrappers)).collect()
    }

    /// The code of `batch`.
    pub(super) fn function(&self, state: &State<'_>, indices: Indices) -> Function {
        const LIST: u32 = 0;
        const COUNT: u32 = 1;
        const ENTRY: u32 = 2;
        const BYTES: u32 = 3;
        const FRAME: u32 = 4;
        const LEN: u32 = 5;
        const AT: u32 = 6;
        let (window, guest) = (indices.window, indices.guest_memory);
        let begin = state.window.batch();
        let begin = i32::try_from(begin).unwrap_or(i32::MAX);
        let in_window = |offset: u64| MemArg { offset, align: 2, memory_index: window };
        let in_guest = |offset: u64, align: u32| MemArg { offset, align, memory_index: guest };
        let mut function = Function::new([(7, ValType::I32)]);
        let mut code = function.instructions();
        code::load(&mut code, state, indices);
        code.i32_const(begin).i32_load(in_window(0)).local_tee(COUNT);
        code.i32_const(ENTRY_BYTES).i32_mul();
        code.i32_const(begin + ENTRY_BYTES).local_tee(ENTRY).i32_add().local_set(BYTES);
        code.i32_const(0).i32_const(0).i32_const(FRAME_ALIGN);
        code.local_get(COUNT).i32_const(FRAME_BYTES).i32_mul();
        code.call(indices.wrapped + self.realloc).local_tee(LIST).local_tee(FRAME);
        // As the canonical ABI has it: a list that is not aligned is a trap.
        code.i32_const(FRAME_ALIGN - 1).i32_and().if_(BlockType::Empty).unreachable().end();
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(ENTRY).local_get(COUNT).i32_const(ENTRY_BYTES).i32_mul();
        code.i32_const(begin + ENTRY_BYTES).i32_add().i32_eq().br_if(1);
        code.local_get(ENTRY).i32_load(in_window(4)).local_set(LEN);
        code.i32_const(0).i32_const(0).i32_const(1).local_get(LEN);
        code.call(indices.wrapped + self.realloc).local_set(AT);
        code.local_get(AT).local_get(BYTES).local_get(LEN).memory_copy(guest, window);
        code.local_get(FRAME).local_get(ENTRY).i32_load(in_window(0)).i32_store8(in_guest(0, 0));
        code.local_get(FRAME).local_get(AT).i32_store(in_guest(4, 2));
        code.local_get(FRAME).local_get(LEN).i32_store(in_guest(8, 2));
        code.local_get(FRAME).i32_const(FRAME_BYTES).i32_add().local_set(FRAME);
        code.local_get(ENTRY).i32_const(ENTRY_BYTES).i32_add().local_set(ENTRY);
        code.local_get(BYTES).local_get(LEN).i32_add().local_set(BYTES);
        code.br(0).end().end();
        code.local_get(LIST).local_get(COUNT).call(indices.wrapped + self.frames);
        code::save(&mut code, state, indices);
        code.end();
        function
    }
}
