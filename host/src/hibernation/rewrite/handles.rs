//! Functions by which the host reaches the guest's table of handles.
//!
//! wasmtime keeps a component's handles, and the host can't see them. But a function
//! that returns a stream may be lowered, which puts the stream into the table and
//! makes an `i32` of it, its index, and lifted again as one that returns a `u32`.
//! So [`HANDLES`] is made of functions of the host's ([`STREAMS`]), and of
//! `resource.drop`, with no code between:
//!
//! | | What is lifted | It |
//! |---|---|---|
//! | `open` | `func(error: bool) -> own<output-stream>` of the host's, lowered | opens a stream, and returns its index |
//! | `drop` | `resource.drop` of `output-stream` | drops the stream with an index |
//! | `subscribe` | `func(stream: borrow<output-stream>) -> own<pollable>` of the host's, lowered | makes a pollable of the stream with an index, and returns its index |
//! | `directory` | `func(number: u32) -> own<descriptor>` of the host's, lowered | opens a directory that is granted, and returns its index |
//!
//! They are in the outermost component, the only one with core functions, so its
//! table is the one that they see. One that imports no output streams gets none of
//! them, and one that imports no pollables, or no descriptors of files, not those of
//! these.

use wasm_encoder::{
    Alias, CanonicalFunctionSection, Component, ComponentAliasSection, ComponentExportKind,
    ComponentExportSection, ComponentImportSection, ComponentInstanceSection,
    ComponentOuterAliasKind, ComponentTypeRef, ComponentTypeSection, ComponentValType,
    InstanceType,
    PrimitiveValType::{Bool, U32},
    TypeBounds,
};
use wasmparser::{
    ComponentImport, ComponentType, ComponentTypeRef as Imported, InstanceTypeDeclaration,
};

use super::{Counts, HANDLES, STREAMS};

/// The resources that a component imports, as far as they matter here.
pub(super) struct Resources {
    output_stream: ResourceType,
    pollable: ResourceType,
    descriptor: ResourceType,
}

/// Where a component has a resource's type from.
struct ResourceType {
    /// Of any version.
    interface: &'static str,
    name: &'static str,
    /// The types of instances that export it.
    types: Vec<u32>,
    /// The instances that were imported as the interface, and their types.
    imports: Vec<(u32, u32)>,
}

impl Default for Resources {
    fn default() -> Self {
        Self {
            output_stream: ResourceType::new("wasi:io/streams", "output-stream"),
            pollable: ResourceType::new("wasi:io/poll", "pollable"),
            descriptor: ResourceType::new("wasi:filesystem/types", "descriptor"),
        }
    }
}

impl Resources {
    /// Sees the type number `index`.
    pub(super) fn see_type(&mut self, index: u32, of: &ComponentType<'_>) {
        self.output_stream.see_type(index, of);
        self.pollable.see_type(index, of);
        self.descriptor.see_type(index, of);
    }

    /// Sees an import; an instance's number would be `index`.
    pub(super) fn see_import(&mut self, index: u32, import: &ComponentImport<'_>) {
        self.output_stream.see_import(index, import);
        self.pollable.see_import(index, import);
        self.descriptor.see_import(index, import);
    }

    /// Appends the functions to a component that has the types, and counts them.
    pub(super) fn append(&self, component: &mut Component, counts: &mut Counts) {
        let Some(stream) = self.output_stream.alias(component, counts) else { return };
        let pollable = self.pollable.alias(component, counts);
        let descriptor = self.descriptor.alias(component, counts);
        import(component, counts, Types { stream, pollable, descriptor });
        let mut names = vec!["open", "drop"];
        names.extend(pollable.map(|_| "subscribe"));
        names.extend(descriptor.map(|_| "directory"));
        let core = counts.core_functions;
        lower(component, counts, stream, &names);
        lift(component, counts, core, &names);
    }
}

impl ResourceType {
    fn new(interface: &'static str, name: &'static str) -> Self {
        Self { interface, name, types: Vec::new(), imports: Vec::new() }
    }

    fn see_type(&mut self, index: u32, of: &ComponentType<'_>) {
        let ComponentType::Instance(declarations) = of else { return };
        let exports = declarations.iter().any(|declaration| {
            matches!(declaration, InstanceTypeDeclaration::Export { name, .. } if name.name == self.name)
        });
        if exports {
            self.types.push(index);
        }
    }

    fn see_import(&mut self, index: u32, import: &ComponentImport<'_>) {
        if let Imported::Instance(of) = import.ty
            && import.name.name.split('@').next() == Some(self.interface)
        {
            self.imports.push((index, of));
        }
    }

    /// Names the type: its number. None: it is not imported, or from more than one
    /// version, and which one's a handle is can't be told.
    fn alias(&self, component: &mut Component, counts: &mut Counts) -> Option<u32> {
        let [(instance, of)] = self.imports[..] else { return None };
        if !self.types.contains(&of) {
            return None;
        }
        let mut aliases = ComponentAliasSection::new();
        let kind = ComponentExportKind::Type;
        aliases.alias(Alias::InstanceExport { instance, kind, name: self.name });
        component.section(&aliases);
        counts.types += 1;
        Some(counts.types - 1)
    }
}

/// The resources' types that are there.
#[derive(Clone, Copy)]
struct Types {
    stream: u32,
    pollable: Option<u32>,
    descriptor: Option<u32>,
}

/// Imports the host's functions.
fn import(component: &mut Component, counts: &mut Counts, types: Types) {
    let Types { stream, pollable, descriptor } = types;
    let mut interface = InstanceType::new();
    let stream = name(&mut interface, stream, "output-stream");
    interface.ty().defined_type().own(stream);
    let own = ComponentValType::Type(interface.type_count() - 1);
    interface.ty().function().params([("error", Bool)]).result(Some(own));
    interface.export("open", ComponentTypeRef::Func(interface.type_count() - 1));
    if let Some(pollable) = pollable {
        let pollable = name(&mut interface, pollable, "pollable");
        interface.ty().defined_type().borrow(stream);
        let borrow = ComponentValType::Type(interface.type_count() - 1);
        interface.ty().defined_type().own(pollable);
        let own = ComponentValType::Type(interface.type_count() - 1);
        interface.ty().function().params([("stream", borrow)]).result(Some(own));
        interface.export("subscribe", ComponentTypeRef::Func(interface.type_count() - 1));
    }
    if let Some(descriptor) = descriptor {
        let descriptor = name(&mut interface, descriptor, "descriptor");
        interface.ty().defined_type().own(descriptor);
        let own = ComponentValType::Type(interface.type_count() - 1);
        interface.ty().function().params([("number", U32)]).result(Some(own));
        interface.export("directory", ComponentTypeRef::Func(interface.type_count() - 1));
    }
    let mut types = ComponentTypeSection::new();
    types.instance(&interface);
    let mut imports = ComponentImportSection::new();
    imports.import(STREAMS, ComponentTypeRef::Instance(counts.types));
    component.section(&types).section(&imports);
    counts.types += 1;
    counts.instances += 1;
}

/// Takes a type of the component's into an interface: its number there.
fn name(interface: &mut InstanceType, index: u32, name: &str) -> u32 {
    let (kind, count) = (ComponentOuterAliasKind::Type, 1);
    interface.alias(Alias::Outer { kind, count, index });
    interface.export(name, ComponentTypeRef::Type(TypeBounds::Eq(interface.type_count() - 1)));
    interface.type_count() - 1
}

/// Makes core functions of these: the host's are those of the instance imported last.
fn lower(component: &mut Component, counts: &mut Counts, stream: u32, names: &[&str]) {
    let mut aliases = ComponentAliasSection::new();
    let mut functions = CanonicalFunctionSection::new();
    for name in names {
        if *name == "drop" {
            functions.resource_drop(stream);
        } else {
            let (instance, kind) = (counts.instances - 1, ComponentExportKind::Func);
            aliases.alias(Alias::InstanceExport { instance, kind, name });
            functions.lower(counts.functions, []);
            counts.functions += 1;
        }
        counts.core_functions += 1;
    }
    component.section(&aliases).section(&functions);
}

/// Lifts and exports core functions from number `core` on, handles being numbers.
fn lift(component: &mut Component, counts: &mut Counts, core: u32, names: &[&str]) {
    let mut types = ComponentTypeSection::new();
    types.function().params([("error", Bool)]).result(Some(U32.into()));
    types.function().params([("index", U32)]).result(None);
    types.function().params([("index", U32)]).result(Some(U32.into()));
    let mut functions = CanonicalFunctionSection::new();
    let mut items = Vec::new();
    for (n, name) in (0..).zip(names) {
        let of = match *name {
            "open" => 0,
            "drop" => 1,
            _ => 2,
        };
        functions.lift(core + n, counts.types + of, []);
        items.push((*name, ComponentExportKind::Func, counts.functions));
        counts.functions += 1;
    }
    let mut instances = ComponentInstanceSection::new();
    instances.export_items(items);
    let mut exports = ComponentExportSection::new();
    exports.export(HANDLES, ComponentExportKind::Instance, counts.instances, None);
    component.section(&types).section(&functions).section(&instances).section(&exports);
    counts.types += 3;
    // The export is an instance too.
    counts.instances += 2;
}
