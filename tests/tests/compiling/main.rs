//! Compiling plugins: in a process of its own, within limits, and once.

#![allow(clippy::unwrap_used)] // Its helpers are tests too.

mod cache;
mod hostile;
mod limits;
mod workers;
