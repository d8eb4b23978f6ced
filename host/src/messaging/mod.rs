//! Messages between connections: ids, direct sends, topics.
//!
//! Knows neither sockets nor guests: a connection is a [`Mailbox`] here, in
//! which others leave [`Mail`] for its handler and frames for its socket.

mod details;
mod hub;
mod id;
mod mailbox;

pub use details::{Details, Question};
pub use hub::{Hub, Published};
pub use id::{ConnectionId, InvalidId};
pub use mailbox::{FRAME_OVERHEAD_BYTES, Left, Mail, Mailbox, Urgent};
