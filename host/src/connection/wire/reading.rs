//! The socket's one way: what the peer sends becomes messages.

use std::{
    io, mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use super::{End, Wire};
use crate::{
    config::{Config, RatePolicy},
    connection::buffers,
    tenant::Tenant,
    websocket::{DecodeError, Message},
};

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// When something was last received.
    pub(in crate::connection) fn last_read(&mut self) -> Instant {
        *self.last_read.get_or_insert_with(Instant::now)
    }

    /// What was received was so by this time, which is as good as the time itself and
    /// saves a look at the clock for each message.
    pub(in crate::connection) fn was_read_by(&mut self, at: Instant) {
        self.last_read.get_or_insert(at);
    }

    /// Reads once. Ready: there is something new, be it only a ping that was
    /// answered. Pings are answered here, whatever else goes on.
    pub(in crate::connection) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        tenant: &Tenant,
    ) -> Poll<()> {
        if !self.active || !self.is_talking() || self.waits() {
            return Poll::Pending;
        }
        let mut read_bytes = 0;
        if self.at_hand.as_ref().is_none_or(|at_hand| at_hand.input.is_empty()) {
            match self.poll_fill(cx, tenant) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => self.end(End::Gone),
                Poll::Ready(Ok(len)) => (read_bytes, self.last_read) = (len, None),
                Poll::Ready(Err(error)) => self.end(End::Io(error)),
            }
        }
        let frames = self.decode(tenant);
        self.count(frames, read_bytes, tenant);
        if self.has_its_turn_later(&tenant.config) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Whether nothing came of what was read, as it takes long to inflate.
    fn has_its_turn_later(&self, config: &Config) -> bool {
        self.is_talking()
            && self.at_hand.as_ref().is_some_and(|at_hand| {
                at_hand.inbox.is_empty() && at_hand.has_room(config) && !at_hand.input.is_empty()
            })
    }

    /// Whether the peer has to wait until it may send again.
    fn waits(&mut self) -> bool {
        let Some(resumes_at) = self.resumes_at() else { return false };
        let waits = Instant::now() < resumes_at;
        if !waits {
            self.resume();
        }
        waits
    }

    /// When the peer may send again, if it has to wait.
    pub(in crate::connection) fn resumes_at(&self) -> Option<Instant> {
        self.rate.as_ref()?.resumes_at()
    }

    /// The peer may send again. That it was not read meanwhile is not its silence.
    pub(in crate::connection) fn resume(&mut self) {
        if let Some(rate) = &mut self.rate {
            rate.resume();
            self.last_read = None;
        }
    }

    /// Counts what was read, where that is limited.
    fn count(&mut self, frames: u64, bytes: usize, tenant: &Tenant) {
        let config = &tenant.config;
        if let Some(rate) = &mut self.rate
            && let now = *self.last_read.get_or_insert_with(Instant::now)
            && let Some(setting) = rate.take(now, frames, bytes, config)
        {
            tenant.limit(setting);
            if config.rate_policy == RatePolicy::Close && self.is_talking() {
                self.end(End::Rate(setting));
            }
        }
    }

    /// Reads into the message that is under way where it is a large one, else
    /// into a buffer taken for it.
    fn poll_fill(&mut self, cx: &mut Context<'_>, tenant: &Tenant) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        if let Some(mut space) = self.decoder.payload_space() {
            let read = poll_read_buf(stream, cx, &mut space);
            if let Poll::Ready(Ok(1..)) = read {
                let filled = self.decoder.payload_filled();
                self.take_decoded(filled, tenant);
            }
            return read;
        }
        let mut buffer = buffers::take(self.read_size);
        let room = buffer.capacity();
        let read = poll_read_buf(stream, cx, &mut buffer);
        match read {
            Poll::Ready(Ok(len @ 1..)) => {
                self.read_size.learn(len, room);
                self.at_hand().input = buffer;
            }
            _ => buffers::give(buffer),
        }
        read
    }

    /// Decodes what was read, until there is enough for the handler. Returns how
    /// many frames were begun.
    fn decode(&mut self, tenant: &Tenant) -> u64 {
        let mut frames = 0;
        let mut input = mem::take(&mut self.at_hand().input);
        while self.is_talking() && self.at_hand().has_room(&tenant.config) {
            let decoded = self.decoder.decode_some(&mut input, &mut frames);
            if let Ok(None) = decoded {
                break;
            }
            self.take_decoded(decoded, tenant);
        }
        if self.is_talking() && !input.is_empty() {
            self.at_hand().input = input;
        } else {
            buffers::give(input);
        }
        frames
    }

    fn take_decoded(&mut self, decoded: Result<Option<Message>, DecodeError>, tenant: &Tenant) {
        if let Ok(Some(message)) = &decoded {
            tenant.metrics.received.count(message);
        }
        match decoded {
            Ok(None) => {}
            Ok(Some(Message::Close(frame))) => self.end(End::Close(frame)),
            Err(error) => self.end(End::Decode(error)),
            Ok(Some(Message::Ping(payload))) => {
                self.push(&Message::Pong(payload.clone()), tenant);
                self.keep_control(Message::Ping(payload));
            }
            Ok(Some(Message::Pong(payload))) => self.keep_control(Message::Pong(payload)),
            Ok(Some(message)) => self.keep(message),
        }
    }

    fn keep_control(&mut self, message: Message) {
        if self.control_frames {
            self.keep(message);
        }
    }

    fn keep(&mut self, message: Message) {
        self.at_hand().keep(message);
    }

    /// Ready when the peer has said Close, or can't be understood or heard any
    /// more. Its messages are dropped.
    pub(in crate::connection) fn poll_peer_close(
        &mut self,
        cx: &mut Context<'_>,
        tenant: &Tenant,
    ) -> Poll<()> {
        self.active = true;
        self.rate = None;
        loop {
            self.at_hand().drop_messages();
            if !self.is_talking() {
                return Poll::Ready(());
            }
            ready!(self.poll_read(cx, tenant));
        }
    }

    /// Ready when the peer says that it sends nothing more. What it sends is dropped.
    pub(in crate::connection) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut buffer = buffers::take(self.read_size);
            let read = poll_read_buf(Pin::new(&mut self.stream), cx, &mut buffer);
            buffers::give(buffer);
            match ready!(read) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}
