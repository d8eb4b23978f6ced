//! From a compiled component to the template its instances are made from.

use std::{future::Future, sync::Arc};

use thiserror::Error;
use wasmtime::component::{Component, Linker};

use super::{
    callbacks::Callbacks,
    error::CallError,
    hibernation::Hibernation,
    imports,
    instance::{Template, start},
    sources::{ProcessSources, Sources},
    state::State,
    warm::Warm,
};
use crate::{
    hibernation::{Baseline, CALLBACKS, Unfit},
    messaging::ConnectionId,
    tenant::Tenant,
};

/// The interface a plugin exports.
pub const HANDLER: &str = "wshost:handler/handler@0.1.0";

/// A linker with everything that each plugin is granted.
///
/// # Errors
/// Only if two of the host's interfaces had the same name.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    imports::add_to_linker(&mut linker)?;
    Ok(linker)
}

/// Why a component can't be a template.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// An import that is not there, or of another type.
    #[error("{0:#}")]
    Import(wasmtime::Error),
    /// The first instance could not be made.
    #[error("the first instance {0}")]
    Start(CallError),
    /// An export that is not there, or of another type.
    #[error("{0:#}")]
    Export(wasmtime::Error),
}

impl Template {
    /// Links a component, makes a first instance, and checks its exports by that.
    /// Then, as it is known that instances are made in time, `baseline` is asked
    /// for: what one of a component that was rewritten is when it is fresh. Of an
    /// instance's memory, `window_bytes` are the host's.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub async fn new(
        tenant: Arc<Tenant>,
        component: &Component,
        window_bytes: usize,
        baseline: impl Future<Output = Result<Baseline, Unfit>>,
    ) -> Result<Self, TemplateError> {
        let pre = linker(component.engine())
            .and_then(|linker| linker.instantiate_pre(component))
            .map_err(TemplateError::Import)?;
        let sources: Arc<dyn Sources> = Arc::new(ProcessSources);
        let id = ConnectionId::random();
        let (mut store, first, _) =
            start(&tenant, &pre, window_bytes, &sources, id, Box::default())
                .await
                .map_err(TemplateError::Start)?;
        let mut find = |of| Callbacks::check(of, component, &first, &mut store);
        let mut callbacks = find(HANDLER).map_err(TemplateError::Export)?;
        let hibernation = match baseline.await {
            Ok(baseline) => {
                callbacks = find(CALLBACKS).map_err(TemplateError::Export)?;
                let new = Hibernation::new(component, baseline, &first, &mut store);
                Ok(new.map_err(TemplateError::Export)?)
            }
            Err(unfit) => Err(unfit),
        };
        let (callbacks, hibernation) = (Arc::new(callbacks), Arc::new(hibernation));
        let warm = Warm::new(tenant.metrics.warm.clone());
        Ok(Self { tenant, pre, window_bytes, callbacks, sources, hibernation, warm })
    }
}
