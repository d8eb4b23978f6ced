//! Where a module's stack is, if that is known.
//!
//! Compilers keep in a memory what WebAssembly's own stack can't hold, growing
//! down from `__stack_pointer`, as LLVM and its linker name the global (the C
//! ABI of WebAssembly's tool conventions). Between two calls nothing below the
//! pointer is alive: a call finds room for itself by lowering it, and reads
//! nothing there that it has not written. So snapshots leave it out, which takes a
//! quarter off the echo handler's.
//!
//! This is known of a module where the linker has put the stack first: the name
//! is there, and all data lies where the stack begins or behind.

use wasmparser::{
    ConstExpr, Data, DataKind, KnownCustom, Name, NameSectionReader, Operator, Payload,
};

/// What LLVM calls the global.
const STACK_POINTER: &str = "__stack_pointer";

/// What tells where a module's stack is, by the module's own indices.
#[derive(Default)]
pub(super) struct Search {
    /// The global of this name.
    named: Option<u32>,
    /// The values that globals begin with, of those that are constants.
    constants: Vec<(u32, u32)>,
    /// Where the first byte of data is.
    data_begins: Option<u32>,
    /// There is data of which this isn't known.
    data_anywhere: bool,
}

/// A module's stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ModuleStack {
    /// The global that points to its end.
    pub(super) pointer: u32,
    /// Where it begins.
    pub(super) top: u32,
}

impl Search {
    /// Notes a global that begins with this value.
    pub(super) fn global(&mut self, index: u32, value: &ConstExpr<'_>) {
        if let Some(value) = constant(value) {
            self.constants.push((index, value));
        }
    }

    /// Notes what else has to do with it.
    pub(super) fn examine(&mut self, payload: &Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::DataSection(segments) => {
                for segment in segments.clone() {
                    self.segment(&segment?);
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    self.names(names);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn segment(&mut self, segment: &Data<'_>) {
        match &segment.kind {
            DataKind::Passive => {}
            DataKind::Active { memory_index: 0, offset_expr } => match constant(offset_expr) {
                Some(at) => {
                    self.data_begins = Some(self.data_begins.map_or(at, |other| other.min(at)));
                }
                None => self.data_anywhere = true,
            },
            DataKind::Active { .. } => {}
        }
    }

    /// Names are no part of what is checked: those that can't be read are none.
    fn names(&mut self, names: NameSectionReader<'_>) {
        for names in names {
            let Ok(Name::Global(globals)) = names else { continue };
            let pointer = globals.into_iter().flatten().find(|global| global.name == STACK_POINTER);
            self.named = pointer.map(|global| global.index);
        }
    }

    /// What was found.
    pub(super) fn stack(&self) -> Option<ModuleStack> {
        let pointer = self.named?;
        let (_, top) = *self.constants.iter().find(|(index, _)| *index == pointer)?;
        let first = !self.data_anywhere && self.data_begins.is_some_and(|data| top <= data);
        first.then_some(ModuleStack { pointer, top })
    }
}

/// The value of an expression that is a constant of 32 bits.
fn constant(expression: &ConstExpr<'_>) -> Option<u32> {
    let mut operators = expression.get_operators_reader().into_iter();
    match (operators.next()?.ok()?, operators.next()?.ok()?) {
        (Operator::I32Const { value }, Operator::End) => Some(value.cast_unsigned()),
        _ => None,
    }
}
