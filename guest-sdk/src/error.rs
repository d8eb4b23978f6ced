//! Why the host did not do what it was asked for.

use std::fmt;

/// Why the host did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The connection is not open: `init` can't do this, nor can `terminate` ask for
    /// what would come later.
    NotOpen,
    /// An argument is not valid; the text says how.
    Invalid(String),
    /// This limit of the host's was hit.
    Limit(String),
    /// The operator does not allow it; the text says what to grant.
    Denied(String),
    /// The system behind it can't be reached now; the text says which.
    Unavailable(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOpen => f.write_str("the connection is not open"),
            Self::Invalid(how) => write!(f, "invalid argument: {how}"),
            Self::Limit(which) => write!(f, "a limit was hit: {which}"),
            Self::Denied(what) => write!(f, "not allowed: {what}"),
            Self::Unavailable(what) => write!(f, "not available: {what}"),
        }
    }
}

impl std::error::Error for Error {}
