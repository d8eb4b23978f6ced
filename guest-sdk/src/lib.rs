//! Write handlers for `wshost`, a WebSocket server, in Rust.
//!
//! A handler is a type that implements [`Handler`]; a value of it is the state
//! of one connection. [`#[handler]`](macro@handler) makes it what the crate,
//! compiled to a WebAssembly component, exports:
//!
//! ```
//! use wshost_sdk::prelude::*;
//!
//! struct Echo;
//!
//! #[handler]
//! impl Handler for Echo {
//!     fn init(_: Request) -> Result<Accept<Self>, Response> {
//!         Ok(Accept::new(Echo))
//!     }
//!
//!     fn text(&mut self, text: String) -> String {
//!         text
//!     }
//! }
//! ```
//!
//! The crate needs `crate-type = ["cdylib", "rlib"]` and is built with
//! `cargo build --release --target wasm32-wasip2`.
//!
//! # What is where
//!
//! - [`Handler`]: the callbacks. [`Reply`]: what they may return, from `()` and
//!   a `String` to a list of [`Commands`].
//! - [`Request`], [`Accept`], [`Response`]: the opening handshake.
//! - [`timers`], [`topics`], [`connections`], [`presence`]: what a handler asks of
//!   the host. It takes effect after the callback, behind the frames it returns; but
//!   to list who is present and to watch it is done at once.
//! - [`names`]: to find a connection by. [`key_value`]: stores that connections
//!   share. Done at once.
//! - Logging is the [`log`] crate's: `log::info!("…")` reaches the host's log,
//!   and so does the message of a panic, at error level, with target `panic`.
//! - `testing`: runs a handler on your machine, without a host (not on
//!   WebAssembly).
//!
//! # What a sleeping handler takes
//!
//! The host keeps of a handler that sleeps what differs from one that was just
//! made. What a handler has freed would too, if it were left there: so this crate
//! brings a global allocator that zeroes it, which makes snapshots half as large.
//! A handler with an allocator of its own turns the default feature
//! `zeroing-allocator` off.
//!
//! # What to avoid
//!
//! `println!` and `eprintln!` work, and go to the host's log, and a handler that
//! prints can sleep. But they leave handles behind, which the host looks at each
//! time that it puts the handler to sleep, and opens again each time that it wakes
//! it: some microseconds more. And a handler that has printed, and has also waited
//! by `std::thread::sleep`, stays awake. Use `log` and [`timers`].

// The attribute macro names this crate by its public path, here too.
extern crate self as wshost_sdk;

mod accept;
mod close;
mod commands;
pub mod connections;
mod deflate;
mod error;
mod frame;
mod handler;
mod id;
pub mod key_value;
mod logging;
mod message;
pub mod names;
mod parts;
mod percent;
pub mod presence;
mod reason;
mod reply;
mod request;
mod response;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod timers;
pub mod topics;
#[cfg(target_arch = "wasm32")]
mod wasm;

/// The functions of the host: the component's imports, or the test's recorder.
mod host {
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) use crate::testing::host::*;
    #[cfg(target_arch = "wasm32")]
    pub(crate) use crate::wasm::host::*;
}

pub use accept::{Accept, Callbacks, Options, Timeout};
pub use close::{CloseCode, CloseFrame};
pub use commands::{Closing, Command, Commands, OptionChanges, close, stop};
pub use deflate::{Deflate, Strategy};
pub use error::Error;
pub use frame::{ControlPayload, Frame, PayloadTooLong};
pub use handler::Handler;
pub use id::{CallId, ConnectionId, Position, TimerId};
pub use log;
pub use message::{Message, PresenceChange};
pub use reason::{ConnectionError, Reason};
pub use reply::{Outcome, Reply};
pub use request::{Fields, HttpVersion, Peer, Request, TlsInfo};
pub use response::Response;
pub use wshost_sdk_macros::handler;

/// What a handler needs: `use wshost_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::topics::Audience;
    pub use crate::{
        Accept, CloseCode, Commands, ConnectionId, Deflate, Error, Frame, Handler, Message,
        Outcome, Reason, Reply, Request, Response, TimerId, close, connections, handler, log,
        names, stop, timers, topics,
    };
    pub use std::time::Duration;
}

/// What the attribute macro's expansion and the project's own tests refer to.
/// No part of the interface.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_arch = "wasm32")]
    pub use crate::wasm::{Component, bindings};
    #[cfg(target_arch = "wasm32")]
    pub use wit_bindgen;

    /// Makes what the checked constructors refuse, so that the host's own
    /// checks can be tested.
    pub mod unchecked {
        use crate::{CloseCode, CloseFrame, Command, ControlPayload, Outcome};

        /// Any payload for a ping or a pong.
        pub fn control_payload(bytes: Vec<u8>) -> ControlPayload {
            ControlPayload::unchecked(bytes)
        }

        /// Any code and any reason.
        pub fn close_frame(code: u16, reason: String) -> CloseFrame {
            CloseFrame::unchecked(CloseCode::unchecked(code), reason)
        }

        /// Any commands, also behind a close.
        pub fn outcome(commands: Vec<Command>, hibernate: bool) -> Outcome {
            Outcome::unchecked(commands, hibernate)
        }
    }
}

/// The examples of the guide to handlers, to be tested.
#[cfg(doctest)]
#[doc = include_str!("../../docs/handlers.md")]
struct Guide;
