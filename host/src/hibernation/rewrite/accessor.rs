//! The core module that hands a component's state to the host, and its wiring.
//!
//! `save` calls the host's `save-global` with each global's bits, then
//! `save-memory` with each memory, as a `list<u8>` that is the whole of it: the
//! canonical ABI passes the place, so nothing is copied or allocated. `load`
//! asks `load-global` for each global's bits, and for each memory `load-growth`
//! for the pages to grow it by, and gives it to `load-memory` to be written.
//! The order is the same each time, so nothing needs a name. Floats pass as
//! their bits: a NaN keeps its payload.

use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, CodeSection, Component,
    ComponentAliasSection, ComponentExportKind, ComponentExportSection, ComponentImportSection,
    ComponentInstanceSection, ComponentTypeRef, ComponentTypeSection, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalType, ImportSection, InstanceSection,
    InstanceType, InstructionSink, MemoryType, ModuleArg, ModuleSection, PrimitiveValType,
    TypeSection, ValType,
};

use super::{
    ACCESSOR, Counts, HOST, Layout, Stack,
    module::{Module, global_name, memory_name},
};

/// Functions of the host's, as they are aliased: the first three take no
/// memory, and are lowered once; the others once for each memory.
const HOST_FUNCTIONS: [&str; 5] =
    ["save-global", "load-global", "load-growth", "save-memory", "load-memory"];
const SAVE_GLOBAL: u32 = 0;
const LOAD_GLOBAL: u32 = 1;
const LOAD_GROWTH: u32 = 2;
const SAVE_MEMORY: u32 = 3;
const LOAD_MEMORY: u32 = 4;
/// 64 KiB, a page, is 1 << this.
const PAGE_BITS: i32 = 16;

/// The lowered function number `function` for memory number `memory`.
fn lowered(function: u32, memory: u32) -> u32 {
    if function < SAVE_MEMORY { function } else { function + 2 * memory }
}

/// Appends the accessor for these core instances to a component.
pub(super) fn append(
    component: &mut Component,
    counts: Counts,
    instances: &[(u32, &Module)],
) -> Layout {
    let layout = layout(instances);
    let memories = u32::try_from(layout.memories).unwrap_or(u32::MAX);
    import_host(component, counts);
    alias_state(component, counts, instances);
    lower(component, counts, memories);
    component.section(&ModuleSection(&module(instances)));
    instantiate(component, counts, instances, memories);
    export(component, counts, memories);
    layout
}

fn layout(instances: &[(u32, &Module)]) -> Layout {
    let mut layout = Layout { globals: 0, memories: 0, stacks: Vec::new() };
    for (_, module) in instances {
        let stack = module.stack.map(|(pointer, top)| Stack {
            memory: layout.memories,
            pointer: layout.globals + pointer,
            top,
        });
        layout.stacks.extend(stack);
        layout.globals += module.globals.len();
        layout.memories += module.memories.len();
    }
    layout
}

/// Imports the host's interface.
fn import_host(component: &mut Component, counts: Counts) {
    use PrimitiveValType::{U8, U32, U64};
    let mut interface = InstanceType::new();
    interface.ty().defined_type().list(U8);
    let bytes = wasm_encoder::ComponentValType::Type(0);
    interface.ty().function().params([("bits", U64)]).result(None);
    interface.ty().function().params::<_, PrimitiveValType>([]).result(Some(U64.into()));
    interface.ty().function().params::<_, PrimitiveValType>([]).result(Some(U32.into()));
    for _ in SAVE_MEMORY..=LOAD_MEMORY {
        let params = [("pages", U32.into()), ("memory", bytes)];
        interface.ty().function().params(params).result(None);
    }
    for (of, name) in (1..).zip(HOST_FUNCTIONS) {
        interface.export(name, ComponentTypeRef::Func(of));
    }
    let mut types = ComponentTypeSection::new();
    types.instance(&interface);
    let mut imports = ComponentImportSection::new();
    imports.import(HOST, ComponentTypeRef::Instance(counts.types));
    component.section(&types).section(&imports);
}

/// Names the host's functions and the memories, to lower the ones with the others.
fn alias_state(component: &mut Component, counts: Counts, instances: &[(u32, &Module)]) {
    let mut aliases = ComponentAliasSection::new();
    for name in HOST_FUNCTIONS {
        aliases.alias(Alias::InstanceExport {
            instance: counts.instances,
            kind: ComponentExportKind::Func,
            name,
        });
    }
    for (instance, module) in instances {
        for n in 0..module.memories.len() {
            aliases.alias(Alias::CoreInstanceExport {
                instance: *instance,
                kind: ExportKind::Memory,
                name: &memory_name(n),
            });
        }
    }
    component.section(&aliases);
}

fn lower(component: &mut Component, counts: Counts, memories: u32) {
    let mut functions = CanonicalFunctionSection::new();
    for function in SAVE_GLOBAL..=LOAD_GROWTH {
        functions.lower(counts.functions + function, []);
    }
    for memory in 0..memories {
        for function in SAVE_MEMORY..=LOAD_MEMORY {
            let memory = CanonicalOption::Memory(counts.core_memories + memory);
            functions.lower(counts.functions + function, [memory]);
        }
    }
    component.section(&functions);
}

/// The name by which the accessor imports a lowered function.
fn lowered_name(index: u32) -> String {
    format!("f{index}")
}

/// The accessor itself.
fn module(instances: &[(u32, &Module)]) -> wasm_encoder::Module {
    use ValType::{I32, I64};
    let mut types = TypeSection::new();
    let mut imports = ImportSection::new();
    types.ty().function([I64], []);
    types.ty().function([], [I64]);
    types.ty().function([], [I32]);
    types.ty().function([I32, I32, I32], []);
    types.ty().function([], []);
    let memories: usize = instances.iter().map(|(_, module)| module.memories.len()).sum();
    for of in SAVE_GLOBAL..=LOAD_GROWTH {
        imports.import("host", &lowered_name(of), EntityType::Function(of));
    }
    for index in (SAVE_MEMORY..).take(2 * memories) {
        imports.import("host", &lowered_name(index), EntityType::Function(SAVE_MEMORY));
    }
    for (instance, module) in instances {
        let from = instance.to_string();
        for (n, memory) in module.memories.iter().enumerate() {
            imports.import(&from, &memory_name(n), MemoryType::from(*memory));
        }
        for (n, global) in module.globals.iter().enumerate() {
            let global = GlobalType {
                val_type: val_type(global.content_type),
                mutable: true,
                shared: false,
            };
            imports.import(&from, &global_name(n), global);
        }
    }
    let mut functions = FunctionSection::new();
    functions.function(4).function(4);
    let first = SAVE_MEMORY + 2 * u32::try_from(memories).unwrap_or(u32::MAX);
    let mut exports = ExportSection::new();
    exports.export("save", ExportKind::Func, first);
    exports.export("load", ExportKind::Func, first + 1);
    let mut code = CodeSection::new();
    code.function(&save(instances)).function(&load(instances));
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&imports).section(&functions).section(&exports).section(&code);
    module
}

fn val_type(of: wasmparser::ValType) -> ValType {
    match of {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        _ => ValType::F64,
    }
}

/// The types of all globals, in the order of their indices in the accessor.
fn globals(instances: &[(u32, &Module)]) -> impl Iterator<Item = (u32, ValType)> {
    let all = instances.iter().flat_map(|(_, module)| &module.globals);
    (0..).zip(all.map(|global| val_type(global.content_type)))
}

fn save(instances: &[(u32, &Module)]) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    for (global, of) in globals(instances) {
        code.global_get(global);
        match of {
            ValType::I32 => code.i64_extend_i32_u(),
            ValType::F32 => code.i32_reinterpret_f32().i64_extend_i32_u(),
            ValType::F64 => code.i64_reinterpret_f64(),
            _ => &mut code,
        };
        code.call(SAVE_GLOBAL);
    }
    for memory in (0..).take(memory_count(instances)) {
        pass(&mut code, memory, SAVE_MEMORY);
    }
    code.end();
    function
}

fn load(instances: &[(u32, &Module)]) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    for (global, of) in globals(instances) {
        code.call(LOAD_GLOBAL);
        match of {
            ValType::I32 => code.i32_wrap_i64(),
            ValType::F32 => code.i32_wrap_i64().f32_reinterpret_i32(),
            ValType::F64 => code.f64_reinterpret_i64(),
            _ => &mut code,
        };
        code.global_set(global);
    }
    for memory in (0..).take(memory_count(instances)) {
        // A memory that can't grow shows at once: what is written won't fit.
        code.call(LOAD_GROWTH).memory_grow(memory).drop();
        pass(&mut code, memory, LOAD_MEMORY);
    }
    code.end();
    function
}

fn memory_count(instances: &[(u32, &Module)]) -> usize {
    instances.iter().map(|(_, module)| module.memories.len()).sum()
}

/// Passes a memory's size in pages, and the whole of it as a list.
fn pass(code: &mut InstructionSink<'_>, memory: u32, function: u32) {
    code.memory_size(memory)
        .i32_const(0)
        .memory_size(memory)
        .i32_const(PAGE_BITS)
        .i32_shl()
        .call(lowered(function, memory));
}

fn instantiate(
    component: &mut Component,
    counts: Counts,
    instances: &[(u32, &Module)],
    memories: u32,
) {
    let mut section = InstanceSection::new();
    let names: Vec<_> = (0..SAVE_MEMORY + 2 * memories).map(lowered_name).collect();
    let items = (counts.core_functions..).zip(&names);
    let items = items.map(|(index, name)| (name.as_str(), ExportKind::Func, index));
    section.export_items(items.collect::<Vec<_>>());
    let mut arguments = vec![("host".to_owned(), ModuleArg::Instance(counts.core_instances))];
    let state = instances.iter().map(|(index, _)| (index.to_string(), ModuleArg::Instance(*index)));
    arguments.extend(state);
    let arguments = arguments.iter().map(|(name, instance)| (name.as_str(), *instance));
    section.instantiate(counts.modules, arguments);
    component.section(&section);
}

fn export(component: &mut Component, counts: Counts, memories: u32) {
    let accessor = counts.core_instances + 1;
    let mut aliases = ComponentAliasSection::new();
    let mut functions = CanonicalFunctionSection::new();
    let mut types = ComponentTypeSection::new();
    types.function().params::<_, PrimitiveValType>([]).result(None);
    let names = ["save", "load"];
    let first = counts.core_functions + SAVE_MEMORY + 2 * memories;
    for (index, name) in (first..).zip(names) {
        aliases.alias(Alias::CoreInstanceExport {
            instance: accessor,
            kind: ExportKind::Func,
            name,
        });
        // The host's interface took the type before.
        functions.lift(index, counts.types + 1, []);
    }
    let mut instances = ComponentInstanceSection::new();
    let first = counts.functions + u32::try_from(HOST_FUNCTIONS.len()).unwrap_or(u32::MAX);
    let items = (first..).zip(names);
    let items = items.map(|(index, name)| (name, ComponentExportKind::Func, index));
    instances.export_items(items.collect::<Vec<_>>());
    let mut exports = ComponentExportSection::new();
    // The host's interface is the instance before.
    exports.export(ACCESSOR, ComponentExportKind::Instance, counts.instances + 1, None);
    component
        .section(&aliases)
        .section(&types)
        .section(&functions)
        .section(&instances)
        .section(&exports);
}
