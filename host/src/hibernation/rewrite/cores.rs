//! The core functions of the outermost component, and which module's they are.

use wasmparser::{Export, ExternalKind, FuncType, Instance};

use super::module::Module;

#[derive(Default)]
pub(super) struct Cores<'a> {
    /// The core instance that exports the function, and the name; `None`: the function
    /// is no instance's.
    functions: Vec<Option<(u32, &'a str)>>,
    instances: Vec<Core<'a>>,
}

enum Core<'a> {
    /// Made of the module with this index.
    Of(u32),
    /// Made of these items.
    Items(Box<[Export<'a>]>),
}

impl<'a> Cores<'a> {
    /// A core function that another core instance exports.
    pub(super) fn aliased(&mut self, instance: u32, name: &'a str) {
        self.functions.push(Some((instance, name)));
    }

    /// A core function that the canonical ABI makes.
    pub(super) fn made(&mut self) {
        self.functions.push(None);
    }

    pub(super) fn instance(&mut self, instance: Instance<'a>) {
        self.instances.push(match instance {
            Instance::Instantiate { module_index, .. } => Core::Of(module_index),
            Instance::FromExports(items) => Core::Items(items),
        });
    }

    /// The core instances that are made of a module: index, and the module's.
    pub(super) fn of_modules(&self) -> impl Iterator<Item = (u32, u32)> {
        (0..).zip(&self.instances).filter_map(|(index, core)| match core {
            Core::Of(module) => Some((index, *module)),
            Core::Items(_) => None,
        })
    }

    /// The type of a core function. Returns `None` if no module exports it.
    pub(super) fn signature<'m>(
        &self,
        modules: &'m [Module],
        function: u32,
    ) -> Option<&'m FuncType> {
        let (instance, name) = (*self.functions.get(function as usize)?)?;
        match self.instances.get(instance as usize)? {
            Core::Of(module) => modules.get(*module as usize)?.functions.get(name),
            Core::Items(items) => {
                let is_it = |item: &&Export<'_>| {
                    item.name == name && matches!(item.kind, ExternalKind::Func)
                };
                // Such an instance exports functions that were there before it.
                let item = items.iter().find(is_it).filter(|item| item.index < function)?;
                self.signature(modules, item.index)
            }
        }
    }
}
