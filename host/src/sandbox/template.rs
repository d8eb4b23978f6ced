//! From a compiled component to the template its instances are made from.

use std::sync::Arc;

use wasmtime::{
    Result,
    component::{Component, Linker},
};

use super::{
    hibernation::Hibernation,
    imports,
    instance::{Exports, Template},
    state::State,
};
use crate::{
    config::Config,
    hibernation::{Baseline, Unfit},
};

/// The interface a plugin exports.
pub const HANDLER: &str = "wshost:handler/handler@0.1.0";

/// A linker with everything that each plugin is granted.
///
/// # Errors
/// Only if two of the host's interfaces had the same name.
pub(crate) fn linker(engine: &wasmtime::Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    imports::add_to_linker(&mut linker)?;
    Ok(linker)
}

impl Template {
    /// Links a component and looks up its exports; `baseline` is of one that was
    /// rewritten. Their types are checked by
    /// [`Instance::check_types`](super::Instance::check_types).
    ///
    /// # Errors
    /// An import that is not there or of another type; an export that is not there.
    pub fn new(
        name: Arc<str>,
        component: &Component,
        baseline: Result<Baseline, Unfit>,
        config: Arc<Config>,
    ) -> Result<Self> {
        let pre = linker(component.engine())?.instantiate_pre(component)?;
        let handler = component.get_export_index(None, HANDLER);
        let find = |function: &str| {
            component
                .get_export_index(handler.as_ref(), function)
                .ok_or_else(|| wasmtime::format_err!("`{HANDLER}` does not export `{function}`"))
        };
        let exports = Exports {
            init: find("init")?,
            opened: find("opened")?,
            frames: find("frames")?,
            info: find("info")?,
            terminate: find("terminate")?,
            save: find("save")?,
            restore: find("restore")?,
        };
        let hibernation = match baseline {
            Ok(baseline) => Ok(Hibernation::new(component, baseline)?),
            Err(unfit) => Err(unfit),
        };
        Ok(Self { name, pre, exports, config, hibernation: Arc::new(hibernation) })
    }
}
