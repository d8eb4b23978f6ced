//! What the end-to-end tests share: the host as a child process, and clients
//! for it.
//!
//! A test starts a [`Host`] (or joins a shared one), asks it for a WebSocket by
//! [`Mode::ask`], and speaks through a [`Client`], or through [`Raw`] where the
//! frames are to be wrong. [`each_mode!`] runs a test over every transport,
//! with the handler awake and hibernating.
//!
//! Nothing here waits for a time: what is awaited is an event, and one that
//! does not come within [`PATIENCE`] fails the test with what came instead.
#![allow(clippy::must_use_candidate)] // of a test, everything is looked at

mod ask;
mod client;
mod credentials;
mod crowd;
mod deflate;
mod frame;
mod host;
mod log;
mod mode;
mod nats;
mod paths;
mod program;
mod project;
mod raw;
pub mod soak;
mod tls;
mod transport;
mod usage;

use std::{future::Future, time::Duration};

pub use self::{
    ask::Ask,
    client::{Client, Receiver, Sender},
    credentials::Credentials,
    crowd::{Crowd, NOISE, Talk, counting, echoing},
    deflate::{Inflater, deflated},
    frame::{BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, TEXT, close_payload},
    host::{Host, HostBuilder},
    log::{Log, connection_in},
    mode::{Mode, Transport},
    nats::{Nats, Wire},
    paths::{cache, command, guest, program},
    program::{Finished, run_to_end, run_until, run_with},
    project::Project,
    raw::Raw,
    tls::{Identity, Trust},
    transport::{Http2, Response, exchange, exchange_over, exchange_pieces},
    usage::Usage,
};
pub use http_body_util::Empty;
pub use hyper;
pub use rustix::process::Signal;
pub use tokio_rustls::rustls;

/// The longest wait for an event before the test fails. Ends tests that hang, and is much
/// longer than any event takes on a busy machine of a quarter of the usual speed.
pub const PATIENCE: Duration = Duration::from_mins(4);

/// Awaits something that must happen.
///
/// # Panics
/// If it does not within [`PATIENCE`].
#[track_caller]
pub fn patiently<F: Future>(what: &str, event: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(PATIENCE, event).await {
            Ok(output) => output,
            Err(_) => panic!("{caller}: waited in vain for {what}"),
        }
    }
}

/// Lets this process, and those it starts, have as many sockets as the system
/// allows: often the limit set at first is 1024.
pub fn raise_socket_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it can't be raised, the test that needs it says so.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Bytes to send: as the `scripted` guest's `bytes:N` makes them.
pub fn pattern(count: usize) -> Vec<u8> {
    (0..251).cycle().take(count).collect()
}
