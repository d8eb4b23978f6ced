//! One core module: what state its instances have, and exports to reach it by.

use std::collections::HashMap;

use wasm_encoder::{
    ExportKind, ExportSection, RawSection,
    reencode::{Reencode as _, RoundtripReencoder},
};
use wasmparser::{
    CompositeInnerType, Export, ExternalKind, FuncType, Global, GlobalType, MemoryType, Operator,
    Parser, Payload, TypeRef, ValType,
};

use super::{
    PRIVATE, part,
    stack::{ModuleStack, Search},
};
use crate::hibernation::Unfit;

/// Ids of a module's sections, in the order in which they stand (custom ones
/// apart): those from exports on.
const EXPORTS: u8 = 7;
const BEHIND_EXPORTS: [u8; 5] = [8, 9, 12, 10, 11];

/// A module with its state exported.
#[derive(Default)]
pub(super) struct Module {
    /// The module's new bytes.
    pub(super) bytes: Vec<u8>,
    /// The memories it defines, by the names [`memory_name`] gives them.
    pub(super) memories: Vec<MemoryType>,
    /// The mutable globals it defines, by the names [`global_name`] gives them.
    pub(super) globals: Vec<GlobalType>,
    /// The types of the functions that it exports, by name.
    pub(super) functions: HashMap<String, FuncType>,
    /// Where its stack is, in the first of its memories: which of its globals
    /// points to the end, and where it begins.
    pub(super) stack: Option<(usize, u32)>,
}

/// The name that a module's memory number `n` of its own is exported by.
pub(super) fn memory_name(n: usize) -> String {
    format!("{PRIVATE}memory-{n}")
}

/// The name that a module's mutable global number `n` of its own is exported by.
pub(super) fn global_name(n: usize) -> String {
    format!("{PRIVATE}global-{n}")
}

impl Module {
    /// Exports all memories and mutable globals that the module defines. Those
    /// it imports are another instance's, which exports them.
    pub(super) fn rewrite(bytes: &[u8]) -> Result<Self, Unfit> {
        let mut state = State::default();
        for payload in Parser::new(0).parse_all(bytes) {
            state.examine(payload?)?;
        }
        let exports = state.exports()?;
        let mut module = wasm_encoder::Module::new();
        let mut exported = false;
        for payload in Parser::new(0).parse_all(bytes) {
            let Some((id, range)) = payload?.as_section() else { continue };
            if !exported && (id == EXPORTS || BEHIND_EXPORTS.contains(&id)) {
                module.section(&exports);
                exported = true;
            }
            if id != EXPORTS {
                module.section(&RawSection { id, data: part(bytes, range)? });
            }
        }
        if !exported {
            module.section(&exports);
        }
        let (stack, functions) = (state.stack(), state.functions());
        let memories = state.memories.into_iter().map(|(_, memory)| memory).collect();
        let globals = state.globals.into_iter().map(|(_, global)| global).collect();
        Ok(Self { bytes: module.finish(), memories, globals, functions, stack })
    }
}

/// What is known of a module's state, with the indices that it has there.
#[derive(Default)]
struct State<'a> {
    memories: Vec<(u32, MemoryType)>,
    globals: Vec<(u32, GlobalType)>,
    imported_memories: u32,
    imported_globals: u32,
    types: Vec<FuncType>,
    /// The types of all functions, the imported ones first.
    functions: Vec<u32>,
    exports: Vec<Export<'a>>,
    search: Search,
}

impl<'a> State<'a> {
    fn examine(&mut self, payload: Payload<'a>) -> Result<(), Unfit> {
        self.search.examine(&payload)?;
        match payload {
            Payload::TypeSection(groups) => {
                for group in groups {
                    for of in group?.types() {
                        let CompositeInnerType::Func(of) = &of.composite_type.inner else {
                            return Err(Unfit::GarbageCollected);
                        };
                        self.types.push(of.clone());
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    match import?.ty {
                        TypeRef::Memory(_) => self.imported_memories += 1,
                        TypeRef::Global(_) => self.imported_globals += 1,
                        TypeRef::Func(of) | TypeRef::FuncExact(of) => self.functions.push(of),
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(functions) => {
                for of in functions {
                    self.functions.push(of?);
                }
            }
            Payload::MemorySection(memories) => {
                for (index, memory) in (self.imported_memories..).zip(memories) {
                    self.memories.push((index, fit_memory(memory?)?));
                }
            }
            Payload::GlobalSection(globals) => {
                for (index, global) in (self.imported_globals..).zip(globals) {
                    let Global { ty, init_expr } = global?;
                    if ty.mutable {
                        self.globals.push((index, fit_global(ty)?));
                        self.search.global(index, &init_expr);
                    }
                }
            }
            Payload::ExportSection(exports) => {
                self.exports = exports.into_iter().collect::<Result<_, _>>()?;
            }
            Payload::CodeSectionEntry(body) => {
                for operator in body.get_operators_reader()? {
                    fit_operator(&operator?)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The stack, if the module defines its memory and the pointer.
    fn stack(&self) -> Option<(usize, u32)> {
        let ModuleStack { pointer, top } = self.search.stack()?;
        let of_32_bits = |(index, global): &(u32, GlobalType)| {
            *index == pointer && global.content_type == ValType::I32
        };
        let global = self.globals.iter().position(of_32_bits)?;
        let (memory, _) = self.memories.first()?;
        (*memory == 0).then_some((global, top))
    }

    /// The types of the exported functions.
    fn functions(&self) -> HashMap<String, FuncType> {
        let of_function = |export: &Export<'_>| {
            let of = self.functions.get(export.index as usize)?;
            Some((export.name.to_owned(), self.types.get(*of as usize)?.clone()))
        };
        let functions = self.exports.iter().filter(|export| export.kind == ExternalKind::Func);
        functions.filter_map(of_function).collect()
    }

    /// The export section: what was there, and the state.
    fn exports(&self) -> Result<ExportSection, Unfit> {
        let mut section = ExportSection::new();
        for export in &self.exports {
            if export.name.starts_with(PRIVATE) {
                return Err(Unfit::NameTaken(export.name.to_owned()));
            }
            let kind = match export.kind {
                ExternalKind::FuncExact => ExternalKind::Func,
                kind => kind,
            };
            RoundtripReencoder.parse_export(&mut section, Export { kind, ..*export })?;
        }
        for (n, (index, _)) in self.memories.iter().enumerate() {
            section.export(&memory_name(n), ExportKind::Memory, *index);
        }
        for (n, (index, _)) in self.globals.iter().enumerate() {
            section.export(&global_name(n), ExportKind::Global, *index);
        }
        Ok(section)
    }
}

fn fit_memory(memory: MemoryType) -> Result<MemoryType, Unfit> {
    if memory.shared {
        Err(Unfit::Shared)
    } else if memory.memory64 {
        Err(Unfit::Memory64)
    } else if memory.page_size_log2.is_some() {
        Err(Unfit::PageSize)
    } else {
        Ok(memory)
    }
}

fn fit_global(global: GlobalType) -> Result<GlobalType, Unfit> {
    match global.content_type {
        _ if global.shared => Err(Unfit::Shared),
        ValType::Ref(_) => Err(Unfit::ReferenceGlobal),
        ValType::V128 => Err(Unfit::VectorGlobal),
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => Ok(global),
    }
}

/// Refuses what changes state that is neither in a memory nor in a global. (A
/// table's or memory's *active* segments fill it when the instance is made, each
/// time alike. `memory.init` only copies.)
fn fit_operator(operator: &Operator<'_>) -> Result<(), Unfit> {
    Err(match operator {
        Operator::TableSet { .. } => Unfit::TableChanged("table.set".into()),
        Operator::TableGrow { .. } => Unfit::TableChanged("table.grow".into()),
        Operator::TableFill { .. } => Unfit::TableChanged("table.fill".into()),
        Operator::TableCopy { .. } => Unfit::TableChanged("table.copy".into()),
        Operator::TableInit { .. } => Unfit::TableChanged("table.init".into()),
        Operator::ElemDrop { .. } => Unfit::SegmentDropped("elem.drop".into()),
        Operator::DataDrop { .. } => Unfit::SegmentDropped("data.drop".into()),
        _ => return Ok(()),
    })
}
