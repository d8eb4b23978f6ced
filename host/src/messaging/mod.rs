//! Messages between connections: direct ones, by name, to topics; who is present;
//! who has ended. `docs/messaging.md` says what can be relied on.
//!
//! Knows neither sockets nor guests: a connection is a [`Mailbox`] here, in
//! which others leave [`Mail`] for its handler and frames for its socket.

mod details;
mod history;
mod hub;
mod id;
mod letters;
mod limits;
mod mail;
mod mailbox;
mod names;
mod presence;
mod publication;
mod remote;
mod rooms;
mod rules;
pub mod subject;
mod subscribers;
mod ties;
mod topics;
mod watches;

pub use details::{Details, Question};
pub use history::{InvalidPosition, Position, Since};
pub use hub::Hub;
pub use id::{ConnectionId, InvalidId, NodeId};
pub use limits::{Limits, TooLarge};
pub use mail::{Mail, NoAnswer};
pub use mailbox::{FRAME_OVERHEAD_BYTES, Left, Mailbox, Urgent};
pub use presence::{Change, Present, WatchAs};
pub use publication::{Content, Publication, Published};
pub use remote::{Attendance, Letter, Remote, Unreachable};
pub use rules::{Rule, Rules};
pub use ties::Ties;
pub use watches::Watch;
