//! The socket's other way: what is queued goes to the peer.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_write_buf;

use super::{End, Wire};
use crate::{
    config::Config,
    tenant::Tenant,
    websocket::{CloseFrame, Message, SendQueue, SharedFrame},
};

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// How many bytes wait to be written.
    pub(in crate::connection) fn queued_bytes(&self) -> usize {
        self.at_hand.as_ref().map_or(0, |at_hand| at_hand.queue.len_bytes())
    }

    /// Queues a message.
    pub(in crate::connection) fn push(&mut self, message: &Message, tenant: &Tenant) {
        if !self.closed {
            tenant.metrics.sent.count(message);
            self.encoder.push(message, &mut self.at_hand.get_or_insert_default().queue);
        }
    }

    /// Queues a Close. Nothing may be queued behind it.
    pub(in crate::connection) fn push_close(&mut self, frame: Option<CloseFrame>, tenant: &Tenant) {
        self.push(&Message::Close(frame), tenant);
        self.closed = true;
    }

    /// Compresses the messages that follow, or not, where that was agreed on.
    pub(in crate::connection) fn set_compressing(&mut self, compressing: bool) {
        self.encoder.set_compressing(compressing);
    }

    /// Queues a frame that goes to many.
    pub(in crate::connection) fn push_shared(&mut self, frame: &SharedFrame, tenant: &Tenant) {
        if !self.closed {
            tenant.metrics.sent.count(frame.message());
            self.encoder.push_shared(frame, &mut self.at_hand.get_or_insert_default().queue);
        }
    }

    /// Writes what is queued.
    pub(in crate::connection) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.queued_bytes() > 0 {
            match self.poll_write_once(cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// One chunk is written as it is: that takes the system less than a list of
    /// chunks.
    fn poll_write_once(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut stream = Pin::new(&mut self.stream);
        let queue = &mut self.at_hand.get_or_insert_default().queue;
        if queue.chunk().len() < queue.len_bytes() {
            return poll_write_buf(stream, cx, queue);
        }
        let written = ready!(stream.as_mut().poll_write(cx, queue.chunk()))?;
        queue.advance(written);
        Poll::Ready(Ok(written))
    }

    /// How many bytes may be queued before nothing more is read; none: too many
    /// wait already.
    pub(in crate::connection) fn room(&self, config: &Config) -> Option<usize> {
        (config.send_queue_high_bytes + 1).checked_sub(self.queued_bytes()).filter(|room| *room > 0)
    }

    /// Writes what can be. When the socket fails, what is queued and what would
    /// be is dropped, and the failure is the peer's end, behind what it has sent.
    ///
    /// A peer that is held back, and takes what it gets, is not silent.
    pub(in crate::connection) fn write_some(&mut self, cx: &mut Context<'_>, tenant: &Tenant) {
        let before = self.queued_bytes();
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            self.at_hand().queue = SendQueue::default();
            self.closed = true;
            if self.is_talking() {
                self.end(End::Io(error));
            }
        }
        if before > tenant.config.send_queue_high_bytes && self.queued_bytes() < before {
            self.last_read = None;
        }
        if let Some(at_hand) = &mut self.at_hand {
            at_hand.tell_queued(&tenant.metrics.send_queues);
        }
    }

    /// Tells the peer that nothing more is sent.
    pub(in crate::connection) fn poll_shutdown(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
