//! Whether a component is a plugin, by the names of its imports and exports.

use std::sync::Arc;

use wasmtime::{
    Engine,
    component::{
        Component,
        types::{ComponentInstance, ComponentItem},
    },
};

use super::error::{NotGranted, Problem};
use crate::{capabilities::Capabilities, hibernation, sandbox::template::HANDLER};

/// The functions of the handler.
const FUNCTIONS: [&str; 7] = ["init", "opened", "frames", "info", "terminate", "save", "restore"];

/// Packages of which every plugin is granted every interface. An environment and a
/// file system are there for each, with what is granted in them.
const GRANTED: [&str; 6] = [
    "wshost:handler/",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
];

/// What the imports of some packages are refused for, or granted by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Nothing,
    KeyValue,
    Http,
    Sockets,
    Unknown,
}

impl Need {
    fn of(import: &str) -> Self {
        match import {
            _ if import.starts_with("wshost:handler/key-value@") => Self::KeyValue,
            _ if import.starts_with("wasi:http/") => Self::Http,
            _ if import.starts_with("wasi:sockets/") => Self::Sockets,
            _ if GRANTED.iter().any(|package| import.starts_with(package)) => Self::Nothing,
            _ => Self::Unknown,
        }
    }

    fn is_met_by(self, capabilities: &Capabilities) -> bool {
        match self {
            Self::Nothing => true,
            Self::KeyValue => !capabilities.stores.is_empty(),
            Self::Http => capabilities.http.is_some(),
            Self::Sockets | Self::Unknown => false,
        }
    }

    fn refusal(self, imports: Vec<String>, plugin: &Arc<str>) -> NotGranted {
        let grantable = |imports, line| {
            let plugin = plugin.clone();
            NotGranted::Grantable { imports, plugin, line }
        };
        match self {
            Self::KeyValue => grantable(imports, "key_value = [\"name-of-a-store\"]"),
            Self::Http => grantable(imports, "http = [\"host.to.reach\"]"),
            Self::Sockets => NotGranted::Sockets(imports),
            Self::Nothing | Self::Unknown => NotGranted::Unknown(imports),
        }
    }
}

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
pub(super) fn imports(
    component: &Component,
    rewritten: bool,
    plugin: &Arc<str>,
    capabilities: &Capabilities,
) -> Result<Vec<String>, Problem> {
    let (granted, refused): (Vec<_>, Vec<_>) = component
        .component_type()
        .imports(component.engine())
        .map(|(name, _)| name.to_owned())
        .filter(|name| !(rewritten && name.starts_with(hibernation::PRIVATE)))
        .partition(|name| Need::of(name).is_met_by(capabilities));
    if refused.is_empty() {
        return Ok(granted);
    }
    let refusals = [Need::KeyValue, Need::Http, Need::Sockets, Need::Unknown].map(|need| {
        let names = refused.iter().filter(|name| Need::of(name) == need);
        let names: Vec<_> = names.cloned().collect();
        (!names.is_empty()).then(|| need.refusal(names, plugin))
    });
    Err(Problem::NotGranted(refusals.into_iter().flatten().collect()))
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
