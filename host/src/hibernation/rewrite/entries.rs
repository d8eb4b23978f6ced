//! The functions by which the host's calls enter a component.

use wasm_encoder::{CanonicalOption as Encoded, ExportKind};
use wasmparser::{CanonicalOption, FuncType};

use super::{
    Unfit,
    batch::Batch,
    cores::Cores,
    exports::{Exports, Lift},
    module::Module,
};

/// The functions of an interface, and the core functions that a call of one runs.
#[derive(Default)]
pub(super) struct Entries<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    /// The core functions to wrap, with their types.
    pub(super) wrapped: Vec<(u32, &'a FuncType)>,
    /// `None`: a batch can't be passed in one call.
    pub(super) batch: Option<Batch>,
}

/// A function of the interface.
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    /// The core function's wrapper.
    pub(super) wrapper: u32,
    /// The component function's type.
    pub(super) of: u32,
    pub(super) options: Vec<EntryOption>,
}

/// An option of the canonical ABI. The functions are wrappers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryOption {
    Plain(Encoded),
    Realloc(u32),
    PostReturn(u32),
}

impl EntryOption {
    /// The option where the first wrapper has this index.
    pub(super) fn encode(self, wrappers: u32) -> Encoded {
        match self {
            Self::Plain(option) => option,
            Self::Realloc(function) => Encoded::Realloc(wrappers + function),
            Self::PostReturn(function) => Encoded::PostReturn(wrappers + function),
        }
    }
}

impl<'a> Entries<'a> {
    /// Finds the functions of an exported interface.
    ///
    /// # Errors
    /// [`Unfit`]: a function is not one of the component's own core functions.
    pub(super) fn find(
        interface: &str,
        exports: &'a Exports<'_>,
        cores: &Cores<'_>,
        modules: &'a [Module],
    ) -> Result<Self, Unfit> {
        let mut found = Self::default();
        for (name, lift) in exports.of_interface(interface)? {
            let Lift { core, of, options } = lift;
            let mut wrapper = |function: u32| {
                let foreign = || Unfit::FunctionFromElsewhere(name.to_owned());
                let signature = cores.signature(modules, function).ok_or_else(foreign)?;
                Ok::<_, Unfit>(found.wrapper(function, signature))
            };
            let (wrapper, options) = (
                wrapper(*core)?,
                options
                    .iter()
                    .map(|option| {
                        Ok(match *option {
                            CanonicalOption::Realloc(of) => EntryOption::Realloc(wrapper(of)?),
                            CanonicalOption::PostReturn(of) => {
                                EntryOption::PostReturn(wrapper(of)?)
                            }
                            CanonicalOption::UTF8
                            | CanonicalOption::UTF16
                            | CanonicalOption::CompactUTF16
                            | CanonicalOption::Memory(_) => EntryOption::Plain((*option).into()),
                            other => return Err(Unfit::Builtin(format!("{other:?}"))),
                        })
                    })
                    .collect::<Result<_, Unfit>>()?,
            );
            found.entries.push(Entry { name, wrapper, of: *of, options });
        }
        found.batch = Batch::of(&found);
        Ok(found)
    }

    /// The wrapper of a core function.
    fn wrapper(&mut self, function: u32, signature: &'a FuncType) -> u32 {
        let at = self.wrapped.iter().position(|(of, _)| *of == function).unwrap_or_else(|| {
            self.wrapped.push((function, signature));
            self.wrapped.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// The function of this name.
    pub(super) fn entry(&self, name: &str) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The guest's items that the accessor imports besides its state.
    pub(super) fn items(&self) -> Vec<(String, ExportKind, u32)> {
        let functions = self.wrapped.iter().enumerate();
        let functions = functions.map(|(n, (of, _))| (wrapped_name(n), ExportKind::Func, *of));
        let memory = self.batch.as_ref().map(|it| ("memory".into(), ExportKind::Memory, it.memory));
        functions.chain(memory).collect()
    }
}

/// The name by which the accessor imports the function that wrapper number `n` calls.
pub(super) fn wrapped_name(n: usize) -> String {
    format!("f{n}")
}
