//! The one place where bytes become code that runs.

#![allow(unsafe_code)]

use wasmtime::{Engine, Result, component::Component};

use super::Artifact;

/// Makes a component of what the compiler made.
///
/// # Errors
/// Code that was made by another wasmtime, for another processor or by other
/// settings; an instance that would not fit the engine's pool.
pub(in crate::plugin) fn load_code(engine: &Engine, artifact: &Artifact) -> Result<Component> {
    // SAFETY: the bytes must be what wasmtime made, unchanged. There are three
    // ways to an `Artifact`, all in this folder: this process compiled it; a
    // worker did, which is this program, and wrote it to a pipe that nobody else
    // has; or it was read from the cache, a directory that only this user can
    // write to (`Cache::open`) and whose owner is trusted, and its checksum says
    // that it is what was written. That wasmtime's version and settings are
    // those that it was made with is checked by `deserialize` itself.
    unsafe { Component::deserialize(engine, artifact.code()) }
}
