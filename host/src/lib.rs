//! `wshost`: a WebSocket server whose handlers are WebAssembly components.
//!
//! ```text
//! client ⇄ server ⇄ websocket ⇄ connection ⇄ sandbox (the guest's component)
//!                                  ⇅
//!                              messaging
//! ```
//!
//! [`websocket`] does no I/O and knows no Wasm. [`sandbox`] knows no sockets.
//! [`plugin`] knows no connections. Only [`connection`] sees both sides.

pub mod admin;
pub mod background;
pub mod capabilities;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod connection;
pub mod deploy;
pub mod hibernation;
pub mod internal;
pub mod key_value;
pub mod messaging;
pub mod observe;
pub mod plugin;
pub mod sandbox;
pub mod server;
pub mod stamp;
pub mod tenant;

#[cfg(test)]
mod testing;

pub use wshost_websocket as websocket;
