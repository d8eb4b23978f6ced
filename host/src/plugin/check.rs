//! Whether a component is a plugin, by the names of its imports and exports.

use wasmtime::{
    Engine,
    component::{
        Component,
        types::{ComponentInstance, ComponentItem},
    },
};

use super::error::Problem;
use crate::{hibernation, sandbox::template::HANDLER};

/// The functions of the handler.
const FUNCTIONS: [&str; 7] = ["init", "opened", "frames", "info", "terminate", "save", "restore"];

/// Packages of which every plugin is granted every interface.
const GRANTED: [&str; 6] = [
    "wshost:handler/",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
];

/// Tells a component from other bytes by its first eight.
pub(super) fn magic(bytes: &[u8]) -> Result<(), Problem> {
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => Err(Problem::CoreModule),
        Some([0, b'a', b's', b'm', ..]) => Ok(()),
        _ => Err(Problem::NotWasm),
    }
}

/// Checks that everything imported is granted, and says what it is. A component
/// that was rewritten imports the host's side of hibernation, which is left out:
/// it had no such imports of its own.
pub(super) fn imports(component: &Component, rewritten: bool) -> Result<Vec<String>, Problem> {
    let (granted, refused): (Vec<_>, Vec<_>) = component
        .component_type()
        .imports(component.engine())
        .map(|(name, _)| name.to_owned())
        .filter(|name| !(rewritten && name.starts_with(hibernation::PRIVATE)))
        .partition(|name| GRANTED.iter().any(|package| name.starts_with(package)));
    if refused.is_empty() { Ok(granted) } else { Err(Problem::NotGranted(refused)) }
}

/// Checks that the handler is exported, with all its functions.
pub(super) fn exports(component: &Component) -> Result<(), Problem> {
    let engine = component.engine();
    let component_type = component.component_type();
    let mut names = Vec::new();
    for (name, export) in component_type.exports(engine) {
        match export.ty {
            ComponentItem::ComponentInstance(handler) if name == HANDLER => {
                return functions(engine, &handler);
            }
            _ if name.starts_with(hibernation::PRIVATE) => {}
            _ => names.push(name.to_owned()),
        }
    }
    let (package, _) = HANDLER.split_once('@').unwrap_or((HANDLER, ""));
    match names.iter().find(|name| name.split('@').next() == Some(package)) {
        Some(other) => Err(Problem::OtherVersion(other.clone())),
        None => Err(Problem::NoHandler(names)),
    }
}

fn functions(engine: &Engine, handler: &ComponentInstance) -> Result<(), Problem> {
    let has = |wanted: &str| {
        handler.exports(engine).any(|(name, export)| {
            name == wanted && matches!(export.ty, ComponentItem::ComponentFunc(_))
        })
    };
    match FUNCTIONS.into_iter().find(|name| !has(name)) {
        Some(missing) => Err(Problem::NoFunction(missing)),
        None => Ok(()),
    }
}
