//! Why a component can't hibernate.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// State that a snapshot would miss, or that a restore would not make again. A
/// component that has it runs as it is, and its instances stay awake.
#[derive(Clone, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unfit {
    /// Tables hold references, which have no bytes.
    #[error("it changes a table while it runs (`{0}`)")]
    TableChanged(String),
    /// A dropped segment is there again in a fresh instance.
    #[error("it drops a segment while it runs (`{0}`)")]
    SegmentDropped(String),
    /// References have no bytes.
    #[error("it has a mutable global that holds a reference")]
    ReferenceGlobal,
    /// The canonical ABI has no type for it.
    #[error("it has a mutable global of 128 bits")]
    VectorGlobal,
    /// Others may write it during the snapshot.
    #[error("it has shared memories or globals")]
    Shared,
    /// The canonical ABI takes 32-bit memories.
    #[error("it has a 64-bit memory")]
    Memory64,
    /// Sizes are counted in pages of 64 KiB.
    #[error("it has a memory with pages of its own size")]
    PageSize,
    /// An object's fields are in no memory.
    #[error("it has garbage-collected types")]
    GarbageCollected,
    /// The handles to them are kept by wasmtime.
    #[error("it defines resources of its own")]
    OwnResources,
    /// What it keeps is kept by wasmtime.
    #[error("it uses the component model's `{0}`")]
    Builtin(String),
    /// Their instances are out of reach.
    #[error("it has core modules inside a nested component")]
    NestedModules,
    /// They could leave handles in a table that is out of reach.
    #[error("it lifts, lowers or drops inside a nested component")]
    NestedFunctions,
    /// The host could not see to it that they find the state of their connection.
    #[error("its `{0}` is not a function of its own core modules")]
    FunctionFromElsewhere(String),
    /// What they hold is not known here.
    #[error("it imports core modules, or takes them from an instance")]
    ForeignModules,
    /// The host's own imports and exports would clash with it.
    #[error("it uses the name `{0}`, which the host needs for itself")]
    NameTaken(String),
    /// A start function that does so may leave something else the next time.
    #[error("its instances call the host when they are made: {0}")]
    StartCallsHost(String),
    /// The compiler says more about it.
    #[error("it can't be read: {0}")]
    Unreadable(String),
}

impl From<wasmparser::BinaryReaderError> for Unfit {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl<E: std::fmt::Display> From<wasm_encoder::reencode::Error<E>> for Unfit {
    fn from(error: wasm_encoder::reencode::Error<E>) -> Self {
        Self::Unreadable(error.to_string())
    }
}
