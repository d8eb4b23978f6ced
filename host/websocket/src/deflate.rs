//! permessage-deflate (RFC 7692).
//!
//! A message is compressed whole, fragments and all; control frames never are.
//! What is sent goes through a [`Compressor`], what comes through an
//! [`Inflating`] message. zlib-rs does the work.
//!
//! **Memory.** zlib's states are large (the compressor's some 370 KiB by
//! default, the inflater's 55), so they belong to the thread, which keeps up to
//! four of each, and are lent for a message. What a connection keeps between
//! messages depends on what was agreed:
//!
//! | | from us | from the client |
//! |---|---|---|
//! | no context takeover | nothing | nothing |
//! | context takeover | a compressor, from the first compressed message on | the last bytes received, up to 32 KiB |
//!
//! A compressor can be given up at any time, and costs the next message its
//! context alone; what was received can't, for the client will refer to it. So
//! neither is taken over unless a handler asks for it, and clients are told so.

mod compressor;
mod inflater;
mod inflating;
mod negotiation;
mod options;
mod window;

pub(super) use self::{
    compressor::{Compressor, Setting},
    inflating::{Inflate, Inflating},
};
pub use self::{
    negotiation::{Agreed, PERMESSAGE_DEFLATE},
    options::{DeflateOptions, DeflateStrategy, OutOfRange},
};

/// The end of what a compressor flushes, an empty block's: taken off what is
/// sent, and added to what is received (RFC 7692, 7.2.1 and 7.2.2).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

#[cfg(test)]
mod tests;
