//! Key-value stores of the host's: what connections of a plugin share, and what
//! outlives them.
//!
//! Which there are is the operator's to grant, in the configuration or by
//! `wshost run --key-value NAME`. A plugin that uses this module and is granted no
//! store is not loaded.
//!
//! ```
//! use wshost_sdk::prelude::*;
//! use wshost_sdk::key_value::Store;
//!
//! const BOARD: Store = Store::new("board");
//!
//! struct Visits;
//!
//! #[handler]
//! impl Handler for Visits {
//!     fn init(_: Request) -> Result<Accept<Self>, Response> {
//!         Ok(Accept::new(Visits))
//!     }
//!
//!     fn opened(&mut self) -> String {
//!         match BOARD.increment("visits", 1) {
//!             Ok(number) => format!("You are number {number}."),
//!             Err(error) => format!("Nobody counts: {error}"),
//!         }
//!     }
//! }
//!
//! # use wshost_sdk::testing::request;
//! # let visits = request("/").value("board", "visits", "6").open::<Visits>();
//! # assert_eq!(visits.opened().texts(), ["You are number 7."]);
//! ```
//!
//! What is asked of a store is done at once, in every callback, `init` and
//! [`terminate`](crate::Handler::terminate) too; where a callback traps later it
//! stays done. Once a change is answered for, a store in a file has it on the disk.
//! The handler waits meanwhile, and nobody else does.

use std::borrow::Cow;

use crate::parts::Parts;
use crate::{Error, host};

/// A store, by its name. It is no handle: a handler that has one can sleep.
///
/// A key is any text that is not empty. Each function fails with [`Error::Denied`]
/// for a store that is not granted, [`Error::Invalid`] for a key that is empty,
/// [`Error::Limit`] for one that is too long, and [`Error::Unavailable`] where the
/// store failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store(Cow<'static, str>);

impl Store {
    /// The store of this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The store of this name, which is not known before.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// The value of a key, if there is one.
    ///
    /// # Errors
    ///
    /// See [`Store`].
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        host::get(&self.0, key)
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    ///
    /// See [`Store`]; [`Error::Limit`] for a value that is too long, and where the
    /// store is full.
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
        host::set(&self.0, key, value.as_ref())
    }

    /// Deletes a key. True: there was one.
    ///
    /// # Errors
    ///
    /// See [`Store`].
    pub fn delete(&self, key: &str) -> Result<bool, Error> {
        host::delete(&self.0, key)
    }

    /// Sets the value of a key, or deletes it (none), if its value is as expected
    /// (none: there is none). False: it was not, and nothing was changed. Nobody
    /// else's change comes between.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set).
    pub fn set_if(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<bool, Error> {
        host::set_if(&self.0, key, expected, value)
    }

    /// Adds to the value of a key, and returns what it is then. The value is a number
    /// in decimal digits, 0 where there is none. Nobody else's change comes between.
    ///
    /// # Errors
    ///
    /// See [`Store`]; [`Error::Invalid`] where the value is no number, or has no room
    /// in 64 bits; [`Error::Limit`] where the store is full.
    pub fn increment(&self, key: &str, by: i64) -> Result<i64, Error> {
        host::increment(&self.0, key, by)
    }

    /// The keys that begin with `prefix`, in the order of their bytes. They are
    /// fetched in parts: what is changed meanwhile may be among them or not.
    pub fn keys(&self, prefix: &str) -> Keys<'_> {
        Keys { store: self, prefix: prefix.to_owned(), parts: Parts::new() }
    }
}

/// The keys of a store that begin with a prefix. It ends with the first error.
#[derive(Debug)]
pub struct Keys<'a> {
    store: &'a Store,
    prefix: String,
    parts: Parts<String, String>,
}

impl Iterator for Keys<'_> {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Result<String, Error>> {
        let Self { store, prefix, parts } = self;
        let fetch = |after: Option<&String>, count| {
            host::list_keys(&store.0, prefix, after.map(String::as_str), count)
        };
        parts.next(fetch, String::clone)
    }
}
