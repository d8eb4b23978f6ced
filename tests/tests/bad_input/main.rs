//! What people and handlers do wrong: each gives one clear line to the
//! operator, never a panic of the host, and nobody else notices.

mod arguments;
mod faults;
mod peers;
mod plugins;
