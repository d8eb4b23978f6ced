//! Components that are made to keep a compiler busy.

use std::borrow::Cow;

use wasm_encoder::{
    BlockType, CodeSection, Component, ComponentTypeSection, ConstExpr, DataSection,
    ElementSection, Elements, Function, FunctionSection, InstructionSink, MemorySection,
    MemoryType, Module, ModuleSection, PrimitiveValType, RefType, TableSection, TableType,
    TypeSection, ValType,
};

/// The longest body of a function that validates, with a little room.
const BODY_MAX_BYTES: usize = 7_600_000;

/// One function, as long as one may be, of instructions that depend on each other.
pub(super) fn huge_function() -> Vec<u8> {
    of_function(&[(1, ValType::I64)], |code| {
        // 11 bytes each time.
        for _ in 0..BODY_MAX_BYTES / 11 {
            code.local_get(0).i64_const(0x7fff_fff1).i64_mul().local_set(0);
        }
        code.local_get(0).i32_wrap_i64().br_if(0);
    })
}

/// A function that branches to the same place again and again, with all the
/// locals it may have changed in between.
pub(super) fn many_paths() -> Vec<u8> {
    let locals = 5_000;
    of_function(&[(locals, ValType::I64)], |code| {
        for n in 0..380_000_u32 {
            let (from, to) = (n * 7 % locals, n * 13 % locals);
            code.loop_(BlockType::Empty).local_get(from).local_set(to);
            code.local_get(to).i32_wrap_i64().br_if(0).end();
        }
    })
}

/// Blocks in blocks.
pub(super) fn deep_blocks() -> Vec<u8> {
    let depth = BODY_MAX_BYTES / 3;
    of_function(&[], |code| {
        for _ in 0..depth {
            code.block(BlockType::Empty);
        }
        for _ in 0..depth {
            code.end();
        }
    })
}

/// A jump to a million places.
pub(super) fn wide_jump() -> Vec<u8> {
    of_function(&[], |code| {
        let targets = (0..1_000_000).map(|n| n % 2);
        code.block(BlockType::Empty).i32_const(0).br_table(targets, 0).end();
    })
}

/// As many functions as a module may have.
pub(super) fn many_functions() -> Vec<u8> {
    let count = 1_000_000;
    let (mut types, mut functions, mut bodies) =
        (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    for _ in 0..count {
        functions.function(0);
        let mut body = Function::new([]);
        body.instructions().end();
        bodies.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&bodies);
    of_module(&module)
}

/// Many modules, each with a memory of which a byte at the beginning and one 8 MiB
/// behind are set: a small file, and large images of these memories.
pub(super) fn large_images() -> Vec<u8> {
    let (mut memories, mut data) = (MemorySection::new(), DataSection::new());
    memories.memory(MemoryType {
        minimum: 256,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    data.active(0, &ConstExpr::i32_const(0), [1]);
    data.active(0, &ConstExpr::i32_const(128 * 65_536), [1]);
    let mut module = Module::new();
    module.section(&memories).section(&data);
    let mut component = Component::new();
    for _ in 0..900 {
        component.section(&ModuleSection(&module));
    }
    component.finish()
}

/// A table of ten million elements, and a segment that fills a part of it.
pub(super) fn large_table() -> Vec<u8> {
    let (mut types, mut functions, mut bodies) =
        (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    functions.function(0);
    let mut body = Function::new([]);
    body.instructions().end();
    bodies.function(&body);
    let (mut tables, mut elements) = (TableSection::new(), ElementSection::new());
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        minimum: 10_000_000,
        maximum: None,
        table64: false,
        shared: false,
    });
    let offset = ConstExpr::i32_const(9_000_000);
    elements.active(None, &offset, Elements::Functions(Cow::from(vec![0; 1_000_000])));
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&tables).section(&elements);
    module.section(&bodies);
    of_module(&module)
}

/// Lists of lists of lists.
pub(super) fn deep_types() -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    types.defined_type().primitive(PrimitiveValType::U8);
    for n in 0..100_000 {
        types.defined_type().list(wasm_encoder::ComponentValType::Type(n));
    }
    let mut component = Component::new();
    component.section(&types);
    component.finish()
}

/// Pairs of pairs of pairs: each type has twice the parts of the one before.
pub(super) fn doubling_types() -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    types.defined_type().primitive(PrimitiveValType::U8);
    for n in 0..60 {
        let part = wasm_encoder::ComponentValType::Type(n);
        types.defined_type().tuple([part, part]);
    }
    let mut component = Component::new();
    component.section(&types);
    component.finish()
}

/// Many types.
pub(super) fn many_types() -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    for n in 0..900_000_u32 {
        let name = format!("f{n}");
        types
            .defined_type()
            .record([(&*name, wasm_encoder::ComponentValType::Primitive(PrimitiveValType::U8))]);
    }
    let mut component = Component::new();
    component.section(&types);
    component.finish()
}

/// Components in components.
pub(super) fn deep_components() -> Vec<u8> {
    let mut component = Component::new();
    for _ in 0..1_000 {
        let mut outer = Component::new();
        outer.section(&wasm_encoder::NestedComponentSection(&component));
        component = outer;
    }
    component.finish()
}

/// A component of a module with one function.
fn of_function(locals: &[(u32, ValType)], code: impl FnOnce(&mut InstructionSink<'_>)) -> Vec<u8> {
    let (mut types, mut functions, mut bodies) =
        (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([], []);
    functions.function(0);
    let mut body = Function::new(locals.iter().copied());
    code(&mut body.instructions());
    body.instructions().end();
    bodies.function(&body);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&bodies);
    of_module(&module)
}

fn of_module(module: &Module) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&ModuleSection(module));
    component.finish()
}
