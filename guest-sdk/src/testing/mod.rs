//! Runs a handler on your machine, without a host, for unit tests.
//!
//! [`request`] begins a request; [`open`](RequestBuilder::open) gives it to the
//! handler's `init` and `opened`. Each event given to the [`Connection`] then
//! returns an [`Effect`]: what the callback returned, and what it asked of the
//! host.
//!
//! ```
//! use wshost_sdk::prelude::*;
//! use wshost_sdk::testing::request;
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
//!
//! let mut connection = request("/").open::<Echo>();
//! assert_eq!(connection.text("hi").frames(), ["hi".into()]);
//! ```
//!
//! Host calls behave as the contract says: `init` gets
//! [`Error::NotOpen`](crate::Error::NotOpen), a timer of no time is refused.
//! Limits are not imitated, and a publish reaches nobody: one handler is under
//! test. Others have the names that [`name`](RequestBuilder::name) gives them, and are
//! present where [`present`](RequestBuilder::present) says so. Every key-value store is
//! granted, and has what [`value`](RequestBuilder::value) puts into it.

mod connection;
mod effect;
pub(crate) mod host;
mod others;
mod request;
mod stores;
mod subject;
#[cfg(test)]
mod tests;

pub use connection::Connection;
pub use effect::{Accepted, Call, Effect, Timer};
pub use request::{RequestBuilder, request};
