//! loom's types, as `slots` expects them.

pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU8, Ordering},
};
