//! Asks for the configuration to be read again, and all that follows from it.

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

/// Asks whoever serves the plugins for a reload. All copies ask the same.
#[derive(Clone, Debug)]
pub struct Reloader(mpsc::Sender<Request>);

/// The reloads that were asked for, in their order.
#[derive(Debug)]
pub struct Reloads(mpsc::Receiver<Request>);

/// One of them. Who asked may have gone meanwhile.
pub(super) type Request = oneshot::Sender<Result<Reload, ReloadError>>;

/// What a reload did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// What changed in the configuration and needs a restart, by name: as
    /// `host.listen`, `instances_max`, `stores.board`. It stays as it was.
    pub needs_restart: Vec<String>,
    /// What became of each plugin, in the order of their names.
    pub plugins: Vec<Reloaded>,
}

/// What a reload did to one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// Its name.
    pub plugin: String,
    /// What became of it, or why it was refused; then the version before goes on, if
    /// there was one.
    pub result: Result<Change, String>,
}

/// What became of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its file and its configuration are what they were.
    Unchanged,
    /// It is served in a new version.
    Deployed {
        /// The SHA-256 of its file, in hexadecimal digits.
        digest: String,
    },
    /// Its file is gone, and it is served no more.
    Removed,
}

/// Why nothing was reloaded. All is as before.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReloadError {
    /// The configuration can't be used.
    #[error("{0}")]
    Configuration(String),
    /// The directory of plugins can't be read.
    #[error("{0}")]
    Directory(String),
    /// The host goes down.
    #[error("the host is going down")]
    GoingDown,
}

/// Who asks, and who is asked.
#[must_use]
pub fn reloads() -> (Reloader, Reloads) {
    let (sender, receiver) = mpsc::channel(1);
    (Reloader(sender), Reloads(receiver))
}

impl Reloader {
    /// Reads the configuration again, and serves the plugins as it says now. Those
    /// that did not change are left alone. At the start this waits until the host is
    /// ready.
    ///
    /// # Errors
    /// A configuration that can't be used: the one before stays in force.
    pub async fn reload(&self) -> Result<Reload, ReloadError> {
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).await.map_err(|_| ReloadError::GoingDown)?;
        answered.await.map_err(|_| ReloadError::GoingDown)?
    }
}

impl Reloads {
    /// The next one; it is waited for until there is one.
    pub(super) async fn next(&mut self) -> Request {
        match self.0.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }
}
