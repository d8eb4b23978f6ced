//! Rewrites a component so that the host can reach its state.
//!
//! Each core module gets exports for the memories and mutable globals that it
//! defines, by names of ours. Two more core modules come behind them ([`accessor`]): a
//! memory that the host reads and writes, and functions that carry the globals of
//! every core instance there and back around each call of the host's. All else is
//! copied byte for byte: everything new stands behind it, so that no index
//! changes, and no function of the component runs otherwise than before.
//!
//! That this finds *all* state: what a component can keep between two calls is
//! memories, mutable globals, tables, dropped segments, objects of the garbage
//! collector, and what wasmtime keeps for it (handles, tasks). Memories and
//! globals belong to a core instance, and each core instance of the outermost
//! component is known here; everything else, wherever, is refused ([`Unfit`]),
//! but handles to the host's resources, of which the store knows how many there
//! are at the time. Those to output streams can be looked at ([`HANDLES`]).

mod accessor;
mod batch;
mod code;
mod cores;
mod entries;
mod exports;
mod fit;
mod handles;
mod module;
mod stack;

use std::ops::Range;

use serde::{Deserialize, Serialize};
use wasm_encoder::{Component, ComponentSectionId, RawSection};
use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, Encoding,
    ExternalKind, Parser, Payload,
};

use self::{
    accessor::Accessor,
    cores::Cores,
    entries::Entries,
    exports::{Exports, Lift},
    handles::Resources,
    module::Module,
};
pub(super) use code::{SLOT, Window};

use super::Unfit;

/// The interface that a rewritten component imports.
pub const HOST: &str = "wshost:hibernation/host";
/// The instance that a rewritten component exports.
pub const ACCESSOR: &str = "wshost:hibernation/accessor";
/// The instance that a rewritten component exports with the functions of its interface,
/// to be called by the host in place of them.
pub const CALLBACKS: &str = "wshost:hibernation/callbacks";
/// The interface that one with output streams imports besides.
pub const STREAMS: &str = "wshost:hibernation/streams";
/// The instance that one with output streams exports besides.
pub const HANDLES: &str = "wshost:hibernation/handles";
/// What all names begin with that are added to a component.
pub const PRIVATE: &str = "wshost:hibernation/";

/// How much state a component has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Mutable globals, of all core instances.
    pub globals: usize,
    /// Memories, of all core instances.
    pub memories: usize,
    /// The stacks in them, as far as they are known.
    pub stacks: Vec<Stack>,
    /// Whether a batch of frames can be passed in one call.
    pub batches: bool,
}

impl Layout {
    /// The bytes of the memory that the host has in each instance.
    #[must_use]
    pub fn window_bytes(&self) -> usize {
        Window::of(self).len_bytes()
    }
}

/// A stack in a memory: it grows down, and nothing below its pointer is alive
/// between two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// The memory's number.
    pub memory: usize,
    /// The number of the global that is the pointer.
    pub pointer: usize,
    /// Where it begins.
    pub top: u32,
}

/// A component whose state can be reached.
#[derive(Debug)]
pub struct Rewritten {
    /// The component's new bytes.
    pub bytes: Vec<u8>,
    /// The state that the host can reach.
    pub layout: Layout,
}

/// Rewrites a component, whose functions the host calls by this interface.
///
/// # Errors
/// [`Unfit`]: it has state that can't be reached.
pub fn rewrite(bytes: &[u8], interface: &str) -> Result<Rewritten, Unfit> {
    let mut rewriting = Rewriting::default();
    let mut within = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match payload {
            Payload::Version { encoding, .. } => within.push(encoding),
            Payload::End(_) => drop(within.pop()),
            _ if within == [Encoding::Component] => {
                rewriting.copy(bytes, &payload)?;
                fit::anywhere(&payload)?;
                rewriting.count(bytes, payload)?;
            }
            _ if within.last() == Some(&Encoding::Component) => {
                fit::anywhere(&payload)?;
                fit::nested(&payload)?;
            }
            _ => {}
        }
    }
    rewriting.append(interface)
}

/// How many items of each sort the outermost component has: the next one's index.
#[derive(Clone, Copy, Default)]
struct Counts {
    modules: u32,
    core_instances: u32,
    core_functions: u32,
    core_memories: u32,
    types: u32,
    instances: u32,
    functions: u32,
}

#[derive(Default)]
struct Rewriting<'a> {
    component: Component,
    counts: Counts,
    modules: Vec<Module>,
    cores: Cores<'a>,
    exports: Exports<'a>,
    resources: Resources,
}

impl<'a> Rewriting<'a> {
    fn copy(&mut self, bytes: &[u8], payload: &Payload<'_>) -> Result<(), Unfit> {
        if let Payload::ModuleSection { unchecked_range, .. } = payload {
            let module = Module::rewrite(part(bytes, unchecked_range.clone())?)?;
            let id = ComponentSectionId::CoreModule.into();
            self.component.section(&RawSection { id, data: &module.bytes });
            self.modules.push(module);
        } else if let Some((id, range)) = payload.as_section() {
            self.component.section(&RawSection { id, data: part(bytes, range)? });
        }
        Ok(())
    }

    fn count(&mut self, bytes: &'a [u8], payload: Payload<'a>) -> Result<(), Unfit> {
        match payload {
            Payload::ModuleSection { .. } => self.counts.modules += 1,
            Payload::ComponentSection { unchecked_range, .. } => {
                self.exports.component(part(bytes, unchecked_range)?)?;
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    self.cores.instance(instance?);
                    self.counts.core_instances += 1;
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    self.exports.instance(instance?);
                    self.counts.instances += 1;
                }
            }
            Payload::ComponentTypeSection(types) => {
                for of in types {
                    self.resources.see_type(self.counts.types, &of?);
                    self.counts.types += 1;
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases {
                    self.count_alias(&alias?);
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    self.count_function(function?);
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    let import = import?;
                    not_taken(import.name.name)?;
                    self.resources.see_import(self.counts.instances, &import);
                    self.exports.foreign(import.ty.kind());
                    self.count_item(import.ty.kind());
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    not_taken(export.name.name)?;
                    self.exports.exported(export.name.name, export.kind, export.index);
                    self.count_item(export.kind);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn count_function(&mut self, function: CanonicalFunction) {
        if let CanonicalFunction::Lift { core_func_index, type_index, options } = function {
            self.exports.lifted(Lift { core: core_func_index, of: type_index, options });
            self.counts.functions += 1;
        } else {
            self.cores.made();
            self.counts.core_functions += 1;
        }
    }

    fn count_alias(&mut self, alias: &ComponentAlias<'a>) {
        match alias {
            ComponentAlias::InstanceExport { kind, .. } => {
                self.exports.foreign(*kind);
                self.count_item(*kind);
            }
            ComponentAlias::CoreInstanceExport {
                kind: ExternalKind::Func,
                instance_index,
                name,
            } => {
                self.cores.aliased(*instance_index, name);
                self.counts.core_functions += 1;
            }
            ComponentAlias::CoreInstanceExport { kind: ExternalKind::Memory, .. } => {
                self.counts.core_memories += 1;
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. } => {
                self.counts.types += 1;
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, .. } => {
                self.exports.foreign(ComponentExternalKind::Component);
            }
            ComponentAlias::CoreInstanceExport { .. } | ComponentAlias::Outer { .. } => {}
        }
    }

    /// Appends what makes the state reachable.
    fn append(self, interface: &str) -> Result<Rewritten, Unfit> {
        let Self { mut component, mut counts, modules, cores, exports, resources } = self;
        let entries = Entries::find(interface, &exports, &cores, &modules)?;
        let instances: Vec<_> = cores
            .of_modules()
            .map(|(index, module)| {
                modules.get(module as usize).map(|module| (index, module)).ok_or_else(|| {
                    Unfit::Unreadable(format!("core instance {index} is made of no module"))
                })
            })
            .collect::<Result<_, _>>()?;
        resources.append(&mut component, &mut counts);
        let accessor = Accessor { counts, instances: &instances, entries: &entries };
        let layout = accessor.append(&mut component);
        Ok(Rewritten { bytes: component.finish(), layout })
    }

    fn count_item(&mut self, kind: ComponentExternalKind) {
        match kind {
            ComponentExternalKind::Func => self.counts.functions += 1,
            ComponentExternalKind::Type => self.counts.types += 1,
            ComponentExternalKind::Instance => self.counts.instances += 1,
            ComponentExternalKind::Module
            | ComponentExternalKind::Component
            | ComponentExternalKind::Value => {}
        }
    }
}

/// A part of a file, which may be cut off.
fn part(bytes: &[u8], range: Range<usize>) -> Result<&[u8], Unfit> {
    bytes.get(range).ok_or_else(|| Unfit::Unreadable("it is cut off".into()))
}

fn not_taken(name: &str) -> Result<(), Unfit> {
    if name.starts_with(PRIVATE) { Err(Unfit::NameTaken(name.to_owned())) } else { Ok(()) }
}
