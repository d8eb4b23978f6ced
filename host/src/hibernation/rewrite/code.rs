//! The accessor's code.

use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, GlobalType,
    ImportSection, InstructionSink, MemArg, MemoryType, Module as CoreModule, StartSection,
    TypeSection, ValType,
};

use super::{
    Layout,
    accessor::WINDOW,
    entries::{Entries, wrapped_name},
    module::{Module, global_name, memory_name},
};

/// Where what is in the window.
///
/// The bits of each global, 8 bytes each; the size of each memory in pages, 8 bytes
/// each; then a batch of frames. Numbers are little-endian.
#[derive(Clone, Copy, Debug)]
pub(in crate::hibernation) struct Window {
    globals: usize,
    memories: usize,
}

/// Bytes of a global, or of a memory's size.
pub(in crate::hibernation) const SLOT: usize = 8;
/// At least so many bytes are there for a batch.
const BATCH_BYTES: usize = 16 * 1024;
const WASM_PAGE: usize = 64 * 1024;

impl Window {
    /// The window of a component with so much state.
    pub(super) fn new(globals: usize, memories: usize) -> Self {
        Self { globals, memories }
    }

    /// The window of a component with this layout.
    pub(in crate::hibernation) fn of(layout: &Layout) -> Self {
        Self::new(layout.globals, layout.memories)
    }

    /// Where the sizes begin.
    pub(in crate::hibernation) fn sizes(self) -> usize {
        self.globals * SLOT
    }

    /// Where a batch begins.
    pub(in crate::hibernation) fn batch(self) -> usize {
        (self.globals + self.memories) * SLOT
    }

    pub(in crate::hibernation) fn len_bytes(self) -> usize {
        (self.batch() + BATCH_BYTES).next_multiple_of(WASM_PAGE)
    }

    fn pages(self) -> u64 {
        (self.len_bytes() / WASM_PAGE) as u64
    }

    /// The memory's type.
    pub(super) fn memory(self) -> MemoryType {
        MemoryType { minimum: self.pages(), maximum: Some(self.pages()), ..any_memory() }
    }
}

/// The state of the guest.
pub(super) struct State<'a> {
    pub(super) window: Window,
    globals: Vec<ValType>,
    memories: u32,
    instances: &'a [(u32, &'a Module)],
}

/// Indices in the accessor.
#[derive(Clone, Copy)]
pub(super) struct Indices {
    /// The first of the guest's functions that are wrapped.
    pub(super) wrapped: u32,
    /// The window's memory.
    pub(super) window: u32,
    /// The memory that a batch is written to.
    pub(super) guest_memory: u32,
}

/// The name by which the accessor imports `place`, lowered for memory number `n`.
pub(super) fn place_name(n: u32) -> String {
    format!("place-{n}")
}

/// The name by which the accessor exports wrapper number `n`.
pub(super) fn wrapper_name(n: usize) -> String {
    format!("w{n}")
}

/// The accessor.
pub(super) fn module(
    window: Window,
    instances: &[(u32, &Module)],
    entries: &Entries<'_>,
) -> CoreModule {
    let globals = instances.iter().flat_map(|(_, module)| &module.globals);
    let globals = globals.map(|global| val_type(global.content_type)).collect();
    let memories = instances.iter().map(|(_, module)| module.memories.len()).sum::<usize>();
    let memories = u32::try_from(memories).unwrap_or(u32::MAX - 1);
    let state = State { window, globals, memories, instances };
    let indices = Indices { wrapped: 1 + memories, window: memories, guest_memory: memories + 1 };
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([ValType::I32; 2], []);
    types.ty().function([], [ValType::I32]);
    let mut imports = ImportSection::new();
    import_state(&mut imports, &state);
    let (mut functions, mut exports) = (FunctionSection::new(), ExportSection::new());
    let mut code = CodeSection::new();
    let first = indices.wrapped + u32::try_from(entries.wrapped.len()).unwrap_or(u32::MAX / 2);
    functions.function(0).function(0);
    code.function(&start(&state, indices)).function(&grow(&state, indices));
    exports.export("grow", ExportKind::Func, first + 1);
    for (n, (_, signature)) in entries.wrapped.iter().enumerate() {
        let of = types.len();
        let [params, results] =
            [signature.params(), signature.results()].map(|all| all.iter().map(|of| val_type(*of)));
        types.ty().function(params, results);
        imports.import("guest", &wrapped_name(n), EntityType::Function(of));
        exports.export(&wrapper_name(n), ExportKind::Func, first + functions.len());
        functions.function(of);
        let function = indices.wrapped + u32::try_from(n).unwrap_or(u32::MAX / 2);
        code.function(&wrapper(&state, indices, function, signature.params().len()));
    }
    if let Some(batch) = &entries.batch {
        imports.import("guest", "memory", any_memory());
        exports.export("batch", ExportKind::Func, first + functions.len());
        functions.function(2);
        code.function(&batch.function(&state, indices));
    }
    let mut module = CoreModule::new();
    module.section(&types).section(&imports).section(&functions).section(&exports);
    module.section(&StartSection { function_index: first }).section(&code);
    module
}

fn import_state(imports: &mut ImportSection, state: &State<'_>) {
    for n in 0..=state.memories {
        imports.import("host", &place_name(n), EntityType::Function(1));
    }
    for (instance, module) in state.instances {
        let from = instance.to_string();
        for (n, memory) in module.memories.iter().enumerate() {
            imports.import(&from, &memory_name(n), MemoryType::from(*memory));
        }
        for (n, global) in module.globals.iter().enumerate() {
            let val_type = val_type(global.content_type);
            let global = GlobalType { val_type, mutable: true, shared: false };
            imports.import(&from, &global_name(n), global);
        }
    }
    imports.import(WINDOW, WINDOW, any_memory());
}

/// A 32-bit memory of any size.
fn any_memory() -> MemoryType {
    MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None }
}

fn val_type(of: wasmparser::ValType) -> ValType {
    match of {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        _ => ValType::F64,
    }
}

/// Passes the places of all memories to the host, the window's first, and fills it.
fn start(state: &State<'_>, indices: Indices) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    for place in 0..=state.memories {
        code.i32_const(0).i32_const(0).call(place);
    }
    save(&mut code, state, indices);
    code.end();
    function
}

/// A memory that can't grow shows at once: the host finds that its size is another.
fn grow(state: &State<'_>, indices: Indices) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    for memory in 0..state.memories {
        code.i32_const(0).i32_load(size(state, indices, memory));
        code.memory_size(memory).i32_sub().memory_grow(memory).drop();
    }
    save_sizes(&mut code, state, indices);
    code.end();
    function
}

/// Calls a function with the globals that the window has.
fn wrapper(state: &State<'_>, indices: Indices, function: u32, params: usize) -> Function {
    let mut wrapper = Function::new([]);
    let mut code = wrapper.instructions();
    load(&mut code, state, indices);
    for param in 0..u32::try_from(params).unwrap_or(u32::MAX) {
        code.local_get(param);
    }
    code.call(function);
    save(&mut code, state, indices);
    code.end();
    wrapper
}

/// Sets the globals from the window.
pub(super) fn load(code: &mut InstructionSink<'_>, state: &State<'_>, indices: Indices) {
    for (global, of) in (0..).zip(&state.globals) {
        code.i32_const(0);
        let at = slot(indices, u64::from(global));
        match of {
            ValType::I32 => code.i32_load(at),
            ValType::F32 => code.f32_load(at),
            ValType::F64 => code.f64_load(at),
            _ => code.i64_load(at),
        };
        code.global_set(global);
    }
}

/// Writes the globals and the sizes to the window. Floats pass as their bits: a NaN
/// keeps its payload.
pub(super) fn save(code: &mut InstructionSink<'_>, state: &State<'_>, indices: Indices) {
    for (global, of) in (0..).zip(&state.globals) {
        code.i32_const(0).global_get(global);
        let at = slot(indices, u64::from(global));
        match of {
            // All eight bytes are the host's to read.
            ValType::I32 => code.i64_extend_i32_u().i64_store(at),
            ValType::F32 => code.i32_reinterpret_f32().i64_extend_i32_u().i64_store(at),
            ValType::F64 => code.f64_store(at),
            _ => code.i64_store(at),
        };
    }
    save_sizes(code, state, indices);
}

fn save_sizes(code: &mut InstructionSink<'_>, state: &State<'_>, indices: Indices) {
    for memory in 0..state.memories {
        code.i32_const(0).memory_size(memory).i64_extend_i32_u();
        code.i64_store(size(state, indices, memory));
    }
}

/// Slot number `n` of the window.
fn slot(indices: Indices, n: u64) -> MemArg {
    MemArg { offset: n * SLOT as u64, align: 2, memory_index: indices.window }
}

fn size(state: &State<'_>, indices: Indices, memory: u32) -> MemArg {
    slot(indices, state.globals.len() as u64 + u64::from(memory))
}
