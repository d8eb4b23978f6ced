//! Where guests run: the engine, one store per instance, limits and deadlines,
//! and the host's side of what a handler imports.
//!
//! Knows no sockets. What a handler asks for is written into its
//! [`Ledger`]; the connection carries it out.

pub mod bindings;
mod callbacks;
mod clock;
pub mod deadline;
mod directories;
pub mod engine;
mod epochs;
pub mod error;
mod frame;
mod held;
pub mod hibernation;
mod holding;
mod http;
mod imports;
pub mod instance;
mod key_value;
pub mod ledger;
pub mod limits;
pub mod log;
mod names;
mod presence;
pub mod request;
pub mod sources;
pub mod state;
mod stdio;
pub mod template;
pub mod timers;
mod warm;

pub use bindings::wshost::handler::types;
pub use deadline::Times;
pub use engine::engine;
pub use error::CallError;
pub use hibernation::{RestoreError, StaysAwake};
pub use instance::{Instance, Template, sample_request};
pub use ledger::{Effect, Ledger, Phase, Seat, topic_name};
pub use request::KeptRequest;
pub use sources::Sources;
pub use warm::WarmRoom;
