//! What is known of a plugin besides what it does.

use wasmparser::{Parser, Payload};

use crate::hibernation::Layout;

/// What a plugin is made of.
#[derive(Debug)]
pub struct Facts {
    /// The bytes of its file.
    pub file_bytes: usize,
    /// The bytes of the machine code made of it, with its tables.
    pub code_bytes: usize,
    /// How many core modules it has.
    pub core_modules: usize,
    /// The state of an instance, if the host can reach it.
    pub layout: Option<Layout>,
    /// The interfaces that it imports. All are granted.
    pub imports: Vec<String>,
}

/// How many core modules a component has, those of nested ones counted.
pub(super) fn core_modules(component: &[u8]) -> usize {
    let payloads = Parser::new(0).parse_all(component);
    payloads.filter(|payload| matches!(payload, Ok(Payload::ModuleSection { .. }))).count()
}
