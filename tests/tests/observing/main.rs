//! What an operator sees of the real program: its log for machines, its metrics and its
//! traces, and that docs/observing.md tells of all of it.

#![allow(clippy::unwrap_used)] // Its helpers are tests too.

mod collector;
mod log;
mod metrics;
mod protobuf;
mod traces;
