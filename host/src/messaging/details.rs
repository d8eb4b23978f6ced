//! What a connection tells of itself when it is asked.

use std::net::SocketAddr;

use serde::Serialize;
use tokio::sync::oneshot;

/// A question to a connection, which answers it between two callbacks, and without
/// waking its handler.
#[derive(Debug)]
pub struct Question {
    /// Whether the names of its topics are wanted.
    pub topics: bool,
    /// Where the answer goes. Dropped: the connection has ended.
    pub answer: oneshot::Sender<Details>,
}

/// See the module.
#[derive(Clone, Debug, Serialize)]
pub struct Details {
    /// The digest of its version of the plugin.
    pub version: String,
    /// Whether its handler sleeps.
    #[serde(skip)]
    pub asleep: bool,
    /// The client: where a trusted proxy stands between, the one that it names.
    pub peer: SocketAddr,
    /// The path of the request that opened it, without the query, cut if it is long.
    pub path: String,
    /// The version of HTTP that it was opened by.
    pub http: &'static str,
    /// Whether over TLS.
    pub tls: bool,
    /// The subprotocol agreed on.
    pub subprotocol: Option<String>,
    /// Whether compression was agreed on.
    pub compression: bool,
    /// When it was opened, in seconds since 1970.
    pub opened_unix_seconds: u32,
    /// For how long nothing was received.
    pub silent_ms: u64,
    /// The linear memory of an instance.
    pub memory_bytes: Option<u64>,
    /// The snapshot of a handler that sleeps; in the spill file, its block.
    pub snapshot_bytes: Option<u64>,
    /// How often its handler was put to sleep.
    pub sleeps: u64,
    /// What waits to be written to the peer.
    pub queued_bytes: usize,
    /// Messages that wait for its handler.
    pub mail: usize,
    /// Timers that run.
    pub timers: usize,
    /// Topics that it is subscribed to.
    pub subscriptions: usize,
    /// Their names, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topics: Option<Vec<String>>,
}
