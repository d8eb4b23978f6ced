//! Where a value was given, and what is wrong with it.

use std::{borrow::Cow, fmt, path::Path, sync::Arc};

use thiserror::Error;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a file.
    File {
        /// Its path, as it was given.
        path: Arc<Path>,
        /// The line, counted from 1.
        line: usize,
    },
    /// By a variable of the environment.
    Variable(Arc<str>),
    /// By an option of the command line.
    Flag(Cow<'static, str>),
}

impl Origin {
    /// The option of this name, with its dashes.
    pub(super) fn flag(name: impl Into<Cow<'static, str>>) -> Self {
        Self::Flag(name.into())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Something that can't be used: where it stands, what is wrong, and what to do.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file can't be read.
    #[error("can't read {}: {error}", path.display())]
    Read {
        /// The file.
        path: Arc<Path>,
        /// Why.
        error: std::io::Error,
    },
    /// A value is wrong, or is not known.
    #[error("{origin}: {problem}")]
    Value {
        /// Where it was given.
        origin: Origin,
        /// What is wrong with it.
        problem: String,
    },
}

impl ConfigError {
    pub(super) fn at(origin: Origin, problem: impl fmt::Display) -> Self {
        Self::Value { origin, problem: problem.to_string() }
    }
}
