//! The host's awake set, synchronised by loom's types instead of the standard
//! library's, so that the tests can run it in every interleaving.
//!
//! Tokio's oneshot, which tokio itself tests with loom, takes one step here.

#[path = "../../../host/src/hibernation/slots/mod.rs"]
pub mod slots;
mod sync;
