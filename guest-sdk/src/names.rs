//! Names of connections: a name is one connection's at a time, among all of this
//! plugin, until it ends. It is any text without control characters that is not empty.
//!
//! What is asked for here is done at once, and not behind the callback. A callback that
//! panics ends its connection, which frees its names.

use crate::{ConnectionId, Error, host};

/// Gives this connection a name. False: it is another one's.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init` and `terminate`; [`Error::Invalid`] for a name that is
/// none; [`Error::Limit`] for one that is too long, or too many;
/// [`Error::Unavailable`] where the other nodes can't be asked.
pub fn register(name: &str) -> Result<bool, Error> {
    host::register(name)
}

/// Takes a name from this connection. False: it had none such.
///
/// # Errors
///
/// As [`register`].
pub fn unregister(name: &str) -> Result<bool, Error> {
    host::unregister(name)
}

/// Whose a name is now.
///
/// # Errors
///
/// [`Error::NotOpen`] in `init`; else as [`register`].
pub fn lookup(name: &str) -> Result<Option<ConnectionId>, Error> {
    host::lookup(name)
}
