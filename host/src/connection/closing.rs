//! The end of a connection: the handler is told, then the peer, then the socket
//! is closed so that the peer sees what it was told (RFC 6455, section 7).

use std::{future::poll_fn, time::Duration};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, ending::Ending, wire::Wire};
use crate::{
    observe::{Trace, printable, traces::Ended},
    sandbox::types::Callbacks,
    tenant::Tenant,
};

/// How much of the reason they get who monitor the connection.
const REASON_MAX_BYTES: usize = 200;

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// Ends the connection. The instance is gone before the peer is waited for.
    pub(super) async fn close(mut self: Box<Self>, ending: Ending) {
        self.record(&ending);
        let mut guest_is_sound = ending.guest_is_sound();
        if guest_is_sound
            && self.options.callbacks.contains(Callbacks::TERMINATE)
            && let Err(failed) = self.terminate(&ending).await
        {
            self.record(&failed);
            guest_is_sound = false;
        }
        let mut seldom = self.seldom.take().unwrap_or_default();
        // Its span ends when this is dropped: after the closing handshake.
        let _trace = seldom.trace.take().map(|trace| ended(trace, &ending));
        let reason = ending.describe();
        let reason = printable(&reason, REASON_MAX_BYTES);
        self.shared.hub.leave(self.mailbox.id, &reason).await;
        let dropped = self.mailbox.close();
        if dropped > 0 {
            let (plugin, connection) = (&self.shared.plugin.name, self.mailbox.id);
            self.shared.plugin.tenant.limit("send_queue_max_bytes");
            tracing::debug!(%plugin, %connection, dropped, "published frames were dropped: the peer read too slowly");
        }
        let Self { shared, mut wire, guest, .. } = *self;
        let tenant = &shared.plugin.tenant;
        let _closing = tenant.metrics.connections.closing();
        if guest_is_sound {
            guest.retire(&shared).await;
        } else {
            drop(guest);
        }
        let code = ending.close_frame().map(|frame| frame.code().get());
        tenant.metrics.by_label.closed(ending.side(), code);
        if ending.peer_is_there() {
            wire.push_close(ending.close_frame(), tenant);
            let timeout = Duration::from_millis(shared.config.close_timeout_ms);
            // What is not done by then is cut short: the peer had its time.
            let _ = tokio::time::timeout(timeout, part(wire, tenant)).await;
        }
    }

    /// One line for the operator: a warning where the handler is at fault, of which
    /// there are only so many in a second; and a count of the limit that was hit.
    fn record(&self, ending: &Ending) {
        let code = ending.close_frame().map(|frame| frame.code().get());
        let (plugin, connection) = (&self.shared.plugin.name, self.mailbox.id);
        let line_max = self.shared.config.log_line_max_bytes;
        let why = ending.describe();
        let why = printable(&why, line_max);
        let reason = self.seldom.as_ref().and_then(|seldom| seldom.shutdown_reason.as_deref());
        let reason = reason.map(|reason| printable(reason, line_max));
        let reason = reason.as_deref();
        let tenant = &self.shared.plugin.tenant;
        let failure = ending.failure();
        match ending.setting() {
            // The line below names it.
            Some(setting) if failure.is_some() => tenant.metrics.by_label.limit(setting),
            Some(setting) => tenant.limit(setting),
            None => {}
        }
        if let Some(failure) = failure {
            let Some(others) = tenant.failure(failure) else { return };
            if let Some(callback) = ending.at_fault() {
                tracing::warn!(%plugin, %connection, callback, code, reason, others, "handler failed: {why}");
            } else {
                tracing::warn!(%plugin, %connection, code, reason, others, "handler lost: {why}");
            }
        } else {
            let sleeps = self.guest.sleeps();
            tracing::debug!(%plugin, %connection, code, reason, sleeps, "connection ended: {why}");
        }
    }
}

/// The span of a connection, which knows how that has ended.
fn ended(mut trace: Box<Trace>, ending: &Ending) -> Box<Trace> {
    let close = ending.close_frame();
    trace.ended(&Ended {
        side: ending.side(),
        why: &ending.describe(),
        code: close.as_ref().map(|frame| frame.code().get()),
        reason: close.as_ref().map_or("", |frame| frame.reason()),
        failure: ending.failure(),
    });
    trace
}

/// Writes what is queued, the Close last; waits for the peer's Close; says that
/// nothing more comes, and reads until the peer does the same. Closing a socket
/// with unread bytes would reset it, and the peer might lose the Close.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(mut wire: Wire<S>, tenant: &Tenant) {
    if poll_fn(|cx| wire.poll_write(cx)).await.is_err() {
        return;
    }
    poll_fn(|cx| wire.poll_peer_close(cx, tenant)).await;
    if poll_fn(|cx| wire.poll_shutdown(cx)).await.is_ok() {
        poll_fn(|cx| wire.poll_discard(cx)).await;
    }
}
