//! Compiling plugins: in a process of its own, within limits, and once.

#![allow(clippy::unwrap_used)] // Its helpers are tests too.

mod cache;
mod hostile;
mod limits;
#[path = "../../in_process/serve.rs"]
mod serve;
mod workers;
