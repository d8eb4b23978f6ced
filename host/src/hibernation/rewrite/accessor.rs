//! The core modules by which the host reaches a component's state, and their wiring.
//!
//! The *window* is a memory of its own. The *accessor* keeps there, between two calls,
//! the bits of all mutable globals and the sizes of all memories ([`Window`]). It wraps
//! each core function that the host's calls run, those of the canonical ABI too: the
//! wrapper sets the globals from the window, calls the function, and writes the window
//! again. So the host has only to read and write memory in order to take a snapshot or
//! to put one back: no call is needed, and a callback finds what the host has put there.
//!
//! The accessor's start function, which runs behind all others, passes each memory's
//! place to the host once, as an empty `list<u8>`. The window's comes first.
//!
//! | Exported | What it does |
//! |---|---|
//! | [`CALLBACKS`] | the functions of the handler's interface, wrapped |
//! | [`ACCESSOR`] `grow` | grows each memory to the size that the window says |
//! | [`ACCESSOR`] `batch` | calls `frames` with what is in the window ([`super::batch`]) |

use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, Component, ComponentAliasSection,
    ComponentExportKind, ComponentExportSection, ComponentImportSection, ComponentInstanceSection,
    ComponentTypeRef, ComponentTypeSection, ExportKind, ExportSection, InstanceSection,
    InstanceType, MemorySection, Module as CoreModule, ModuleArg, ModuleSection, PrimitiveValType,
};

use super::{
    ACCESSOR, CALLBACKS, Counts, HOST, Layout, Stack,
    code::{self, Window},
    entries::{Entries, Entry},
    module::{Module, memory_name},
};

/// The name that the window's memory has.
pub(super) const WINDOW: &str = "window";

/// The two core modules that are appended to a component.
pub(super) struct Accessor<'a> {
    pub(super) counts: Counts,
    /// The core instances whose state it is.
    pub(super) instances: &'a [(u32, &'a Module)],
    pub(super) entries: &'a Entries<'a>,
}

impl Accessor<'_> {
    /// Appends the window and the accessor.
    pub(super) fn append(&self, component: &mut Component) -> Layout {
        let layout = self.layout();
        let window = Window::of(&layout);
        self.import_host(component);
        self.make_window(component, window);
        self.lower_place(component);
        let module = code::module(window, self.instances, self.entries);
        component.section(&ModuleSection(&module));
        self.instantiate(component);
        self.lift(component);
        self.export(component);
        layout
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout {
            globals: 0,
            memories: 0,
            stacks: Vec::new(),
            batches: self.entries.batch.is_some(),
        };
        for (_, module) in self.instances {
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

    /// The window's memory, and all others.
    fn places(&self) -> u32 {
        let memories: usize = self.instances.iter().map(|(_, module)| module.memories.len()).sum();
        1 + u32::try_from(memories).unwrap_or(u32::MAX - 1)
    }

    /// Imports the host's interface.
    fn import_host(&self, component: &mut Component) {
        let mut interface = InstanceType::new();
        interface.ty().defined_type().list(PrimitiveValType::U8);
        let bytes = wasm_encoder::ComponentValType::Type(0);
        interface.ty().function().params([("memory", bytes)]).result(None);
        interface.export("place", ComponentTypeRef::Func(1));
        let mut types = ComponentTypeSection::new();
        types.instance(&interface);
        // For `grow`.
        types.function().params::<_, PrimitiveValType>([]).result(None);
        let mut imports = ComponentImportSection::new();
        imports.import(HOST, ComponentTypeRef::Instance(self.counts.types));
        component.section(&types).section(&imports);
    }

    fn make_window(&self, component: &mut Component, window: Window) {
        let mut memories = MemorySection::new();
        memories.memory(window.memory());
        let mut exports = ExportSection::new();
        exports.export(WINDOW, ExportKind::Memory, 0);
        let mut module = CoreModule::new();
        module.section(&memories).section(&exports);
        let mut instances = InstanceSection::new();
        instances.instantiate::<_, &str>(self.counts.modules, []);
        component.section(&ModuleSection(&module)).section(&instances);
    }

    /// Lowers `place` for each memory.
    fn lower_place(&self, component: &mut Component) {
        let mut aliases = ComponentAliasSection::new();
        aliases.alias(Alias::InstanceExport {
            instance: self.counts.instances,
            kind: ComponentExportKind::Func,
            name: "place",
        });
        let mut memory = |instance, name: &str| {
            aliases.alias(Alias::CoreInstanceExport { instance, kind: ExportKind::Memory, name });
        };
        memory(self.counts.core_instances, WINDOW);
        for (instance, module) in self.instances {
            (0..module.memories.len()).for_each(|n| memory(*instance, &memory_name(n)));
        }
        let mut functions = CanonicalFunctionSection::new();
        for memory in 0..self.places() {
            let memory = CanonicalOption::Memory(self.counts.core_memories + memory);
            functions.lower(self.counts.functions, [memory]);
        }
        component.section(&aliases).section(&functions);
    }

    fn instantiate(&self, component: &mut Component) {
        let Counts { core_functions, core_instances, modules, .. } = self.counts;
        let mut section = InstanceSection::new();
        let places =
            (0..self.places()).map(|n| (code::place_name(n), ExportKind::Func, core_functions + n));
        section.export_items(places.collect::<Vec<_>>());
        section.export_items(self.entries.items());
        let mut arguments = vec![
            ("host".to_owned(), ModuleArg::Instance(core_instances + 1)),
            ("guest".to_owned(), ModuleArg::Instance(core_instances + 2)),
            (WINDOW.to_owned(), ModuleArg::Instance(core_instances)),
        ];
        let state = self.instances.iter();
        arguments.extend(state.map(|(n, _)| (n.to_string(), ModuleArg::Instance(*n))));
        section.instantiate(modules + 1, arguments);
        component.section(&section);
    }

    /// Lifts what the accessor exports.
    fn lift(&self, component: &mut Component) {
        let instance = self.counts.core_instances + 3;
        let mut aliases = ComponentAliasSection::new();
        let names = ["grow".to_owned()].into_iter();
        let names = names.chain(self.entries.batch.as_ref().map(|_| "batch".to_owned()));
        for name in names.chain((0..self.entries.wrapped.len()).map(code::wrapper_name)) {
            let kind = ExportKind::Func;
            aliases.alias(Alias::CoreInstanceExport { instance, kind, name: &name });
        }
        let mut functions = CanonicalFunctionSection::new();
        let first = self.counts.core_functions + self.places();
        functions.lift(first, self.counts.types + 1, []);
        let wrappers = first + 1 + u32::from(self.entries.batch.is_some());
        if let Some(batch) = &self.entries.batch {
            functions.lift(first + 1, batch.of, batch.options(wrappers));
        }
        for Entry { wrapper, of, options, .. } in &self.entries.entries {
            functions.lift(wrappers + wrapper, *of, options.iter().map(|it| it.encode(wrappers)));
        }
        component.section(&aliases).section(&functions);
    }

    fn export(&self, component: &mut Component) {
        // Behind `place`.
        let first = self.counts.functions + 1;
        let mut own = vec![("grow", ComponentExportKind::Func, first)];
        own.extend(
            self.entries.batch.as_ref().map(|_| ("batch", ComponentExportKind::Func, first + 1)),
        );
        let callbacks = first + u32::try_from(own.len()).unwrap_or(u32::MAX);
        let callbacks = (callbacks..).zip(&self.entries.entries);
        let callbacks: Vec<_> =
            callbacks.map(|(n, entry)| (entry.name, ComponentExportKind::Func, n)).collect();
        let mut instances = ComponentInstanceSection::new();
        instances.export_items(own).export_items(callbacks);
        let mut exports = ComponentExportSection::new();
        // The host's interface is the instance before.
        let first = self.counts.instances + 1;
        exports.export(ACCESSOR, ComponentExportKind::Instance, first, None);
        exports.export(CALLBACKS, ComponentExportKind::Instance, first + 1, None);
        component.section(&instances).section(&exports);
    }
}
