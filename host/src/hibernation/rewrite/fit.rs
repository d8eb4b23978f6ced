//! Refuses components that have state out of the host's reach.

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind,
    ComponentType, Payload,
};

use super::Unfit;

/// Refuses what a component at any depth must not have.
pub(super) fn anywhere(payload: &Payload<'_>) -> Result<(), Unfit> {
    match payload {
        Payload::ComponentTypeSection(types) => {
            for of in types.clone() {
                if matches!(of?, ComponentType::Resource { .. }) {
                    return Err(Unfit::OwnResources);
                }
            }
        }
        Payload::ComponentCanonicalSection(functions) => {
            for function in functions.clone() {
                match function? {
                    CanonicalFunction::Lift { .. }
                    | CanonicalFunction::Lower { .. }
                    | CanonicalFunction::ResourceDrop { .. } => {}
                    other => return Err(Unfit::Builtin(name(&other))),
                }
            }
        }
        Payload::ComponentImportSection(imports) => {
            for import in imports.clone() {
                no_module(import?.ty.kind())?;
            }
        }
        Payload::ComponentAliasSection(aliases) => {
            for alias in aliases.clone() {
                match alias? {
                    ComponentAlias::InstanceExport { kind, .. } => no_module(kind)?,
                    ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. } => {
                        return Err(Unfit::ForeignModules);
                    }
                    _ => {}
                }
            }
        }
        Payload::ComponentExportSection(exports) => {
            for export in exports.clone() {
                no_module(export?.kind)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Modules are taken from where they stand only, so that each instance's is known.
fn no_module(kind: ComponentExternalKind) -> Result<(), Unfit> {
    if kind == ComponentExternalKind::Module { Err(Unfit::ForeignModules) } else { Ok(()) }
}

/// Refuses what only the outermost component may have.
pub(super) fn nested(payload: &Payload<'_>) -> Result<(), Unfit> {
    match payload {
        Payload::ModuleSection { .. } => Err(Unfit::NestedModules),
        Payload::ComponentCanonicalSection(_) => Err(Unfit::NestedFunctions),
        _ => Ok(()),
    }
}

/// A built-in function's name: that of its variant.
fn name(function: &CanonicalFunction) -> String {
    let text = format!("{function:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}
