//! Moving to another version of the plugin, between two events: the handler's state
//! goes by its `save` and the new version's `restore`. All else, from the socket to
//! what waits in the mailbox, stays where it is.

use std::sync::Arc;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Connection, Options, Shared,
    ending::Ending,
    event::Event,
    guest::{Refused, WakeError},
    shared::Successor,
};
use crate::{observe::printable, sandbox::types::Callbacks};

/// Why a connection stays with its version.
#[derive(Debug, Error)]
pub(super) enum Stays {
    /// It was opened when nothing was to move.
    #[error("it was opened before `on_deploy` was `migrate`")]
    NoRequest,
    /// The handlers don't allow it, or can't.
    #[error("{0}")]
    Refused(#[from] Refused),
    /// It can't be woken, and has to end.
    #[error("{0}")]
    Lost(#[from] WakeError),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// What follows from the plugin's having been replaced. One that sleeps moves at
    /// its next event.
    pub(super) fn replaced(&self) -> Option<Event> {
        match self.shared.succession.get()? {
            Successor::Drain => Some(Event::End(Ending::Replaced)),
            Successor::Migrate(_) => self.guest.is_awake().then_some(Event::Replaced),
        }
    }

    /// The version that it is to move to. None: it stays with its own.
    pub(super) fn newest(&self) -> Option<Arc<Shared>> {
        if self.seldom.as_ref().is_some_and(|seldom| seldom.stays) {
            return None;
        }
        match self.shared.succession.get()? {
            Successor::Migrate(to) => Some(to),
            Successor::Drain => None,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// Moves to the version that is to serve it, or stays. There may be a newer one by
    /// then.
    ///
    /// # Errors
    /// The handler is lost.
    pub(super) async fn migrate(&mut self) -> Result<(), Ending> {
        while let Some(to) = self.newest() {
            match self.move_to(&to).await {
                Ok(options) => {
                    self.wire.set_frame_size_max(options.frame_size_max);
                    self.wire.set_control_frames(options.control_frames);
                    self.mailbox.set_takes_mail(options.callbacks.contains(Callbacks::INFO));
                    self.options = options;
                    self.shared.move_to(to);
                    self.shared.plugin.tenant.metrics.by_label.migrated(true);
                    let plugin = &self.shared.plugin;
                    tracing::debug!(plugin = %plugin.name, connection = %self.mailbox.id, digest = %plugin.digest, "moved to another version");
                }
                Err(Stays::Lost(error)) => return Err(Ending::Wake(error)),
                Err(why) => {
                    self.stays(&why);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn move_to(&mut self, to: &Shared) -> Result<Options, Stays> {
        let request = self.seldom.as_ref().and_then(|seldom| seldom.request.as_ref());
        let request = request.ok_or(Stays::NoRequest)?;
        self.guest.migrate(&self.shared, to, self.mailbox.id, request).await
    }

    /// Once is enough: it isn't asked again.
    fn stays(&mut self, why: &Stays) {
        self.seldom.get_or_insert_default().stays = true;
        let plugin = &self.shared.plugin;
        plugin.tenant.metrics.by_label.migrated(false);
        if let Stays::Refused(Refused::NoState) = why {
            tracing::debug!(plugin = %plugin.name, connection = %self.mailbox.id, digest = %plugin.digest, "stays with its version: {why}");
        } else if let Some(others) = plugin.tenant.failure("migration") {
            let why =
                printable(&why.to_string(), self.shared.config.log_line_max_bytes).into_owned();
            tracing::warn!(plugin = %plugin.name, connection = %self.mailbox.id, digest = %plugin.digest, others, "stays with its version: {why}");
        }
    }
}
