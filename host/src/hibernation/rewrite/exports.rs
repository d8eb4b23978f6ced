//! Finds the core functions that an exported interface's functions are lifted from.
//!
//! wit-component passes lifted functions to a nested component that exports them, so
//! they are followed through that: from its export to its import, and from there to
//! the argument that it was instantiated with.

use std::collections::HashMap;

use wasmparser::{
    CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentInstance, Parser, Payload,
};

use crate::hibernation::Unfit;

/// A core function as a component function.
#[derive(Clone, Debug)]
pub(super) struct Lift {
    /// The core function.
    pub(super) core: u32,
    /// The component function's type.
    pub(super) of: u32,
    pub(super) options: Box<[CanonicalOption]>,
}

/// The functions and instances of the outermost component, by their indices.
#[derive(Default)]
pub(super) struct Exports<'a> {
    /// `None`: it is not lifted here.
    functions: Vec<Option<Lift>>,
    /// `None`: the instance is imported, or belongs to another one.
    instances: Vec<Option<ComponentInstance<'a>>>,
    components: Vec<Passed<'a>>,
    /// The exported instances, by name.
    exported: HashMap<&'a str, u32>,
}

impl<'a> Exports<'a> {
    pub(super) fn lifted(&mut self, lift: Lift) {
        self.functions.push(Some(lift));
    }

    pub(super) fn instance(&mut self, instance: ComponentInstance<'a>) {
        self.instances.push(Some(instance));
    }

    pub(super) fn component(&mut self, bytes: &'a [u8]) -> Result<(), Unfit> {
        self.components.push(Passed::read(bytes)?);
        Ok(())
    }

    /// An item that comes from elsewhere.
    pub(super) fn foreign(&mut self, kind: ComponentExternalKind) {
        match kind {
            ComponentExternalKind::Func => self.functions.push(None),
            ComponentExternalKind::Instance => self.instances.push(None),
            ComponentExternalKind::Component => self.components.push(Passed::default()),
            _ => {}
        }
    }

    /// An item that is exported, which makes one more of it.
    pub(super) fn exported(&mut self, name: &'a str, kind: ComponentExternalKind, index: u32) {
        let at = index as usize;
        match kind {
            ComponentExternalKind::Func => {
                let again = self.functions.get(at).cloned().flatten();
                self.functions.push(again);
            }
            ComponentExternalKind::Instance => {
                let again = self.instances.get(at).cloned().flatten();
                self.instances.push(again);
                self.exported.insert(name, index);
            }
            other => self.foreign(other),
        }
    }

    /// The functions of an exported interface by name, if it is exported.
    ///
    /// # Errors
    /// [`Unfit::FunctionFromElsewhere`]
    pub(super) fn of_interface(&self, name: &str) -> Result<Vec<(&'a str, &Lift)>, Unfit> {
        let Some(index) = self.exported.get(name) else { return Ok(Vec::new()) };
        let functions = match self.instances.get(*index as usize) {
            Some(Some(ComponentInstance::FromExports(exports))) => exports
                .iter()
                .filter(|export| export.kind == ComponentExternalKind::Func)
                .map(|export| (export.name.name, Some(export.index)))
                .collect(),
            Some(Some(ComponentInstance::Instantiate { component_index, args })) => {
                let passed = self.components.get(*component_index as usize);
                let argument = |import: Option<&str>| {
                    args.iter().find(|argument| Some(argument.name) == import).map(|it| it.index)
                };
                let exports = passed.into_iter().flat_map(|passed| &passed.exports);
                exports.map(|(name, import)| (*name, argument(*import))).collect()
            }
            _ => Vec::new(),
        };
        let lift = |index: Option<u32>| self.functions.get(index? as usize)?.as_ref();
        functions
            .into_iter()
            .map(|(name, index)| {
                let lift = lift(index).ok_or_else(|| Unfit::FunctionFromElsewhere(name.into()))?;
                Ok((name, lift))
            })
            .collect()
    }
}

/// A nested component, as far as it passes functions on.
#[derive(Default)]
struct Passed<'a> {
    /// The functions that it exports, and the imports that they are, if they are any.
    exports: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Passed<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Unfit> {
        let mut functions: Vec<Option<&str>> = Vec::new();
        let mut exports = Vec::new();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                _ if depth != 1 => {}
                Payload::ComponentImportSection(imports) => {
                    for import in imports {
                        let import = import?;
                        if import.ty.kind() == ComponentExternalKind::Func {
                            functions.push(Some(import.name.name));
                        }
                    }
                }
                Payload::ComponentAliasSection(aliases) => {
                    for alias in aliases {
                        if let ComponentAlias::InstanceExport {
                            kind: ComponentExternalKind::Func,
                            ..
                        } = alias?
                        {
                            functions.push(None);
                        }
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ComponentExternalKind::Func {
                            let import = functions.get(export.index as usize).copied().flatten();
                            functions.push(import);
                            exports.push((export.name.name, import));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(Self { exports })
    }
}
