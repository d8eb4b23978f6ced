//! What the awake set is synchronised by. `tests/loom` puts loom's in its place,
//! to try every interleaving.

pub(super) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU8, Ordering},
};
