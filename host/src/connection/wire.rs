//! The peer's side of a connection: the socket, what was read from it, and what
//! waits to be written to it.
//!
//! While nothing happens it holds no buffer: one is taken for each read, and
//! given back when what was read is used up.

use std::{
    collections::VecDeque,
    io, mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::{Buf as _, Bytes, BytesMut};
use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::{poll_read_buf, poll_write_buf};

use super::{
    Options,
    buffers::{self, ReadSize},
    ending::Ending,
    rate::Rate,
};
use crate::{
    config::{Config, RatePolicy},
    observe::metrics::Level,
    tenant::Tenant,
    websocket::{
        Agreed, CloseFrame, DecodeError, Decoder, Encoder, Message, SendQueue, SharedFrame,
    },
};

/// Messages that are shorter are copied when they have to wait.
const DETACHED_MAX_BYTES: usize = 64 * 1024;

/// Messages for which an empty inbox keeps room.
const INBOX_KEPT: usize = 16;

/// Messages that are handled together: mostly one.
pub(super) type Messages = SmallVec<[Message; 1]>;

/// Whether more comes from the peer.
#[derive(Debug)]
enum Peer {
    Talking,
    /// No more comes, and nobody was told yet.
    Ended(Box<End>),
    Done,
}

/// Why nothing more comes from the peer.
#[derive(Debug)]
enum End {
    Close(Option<CloseFrame>),
    Decode(DecodeError),
    /// It sent more than this setting allows.
    Rate(&'static str),
    Gone,
    Io(io::Error),
}

/// What there is while something happens. A connection at rest has none.
#[derive(Debug, Default)]
struct AtHand {
    /// Bytes read and not decoded yet.
    input: BytesMut,
    /// Messages decoded and not handled yet.
    inbox: VecDeque<Message>,
    inbox_bytes: usize,
    /// What waits to be written.
    queue: SendQueue,
    /// What the metrics know of it. None: it was all written at once.
    told: Option<Told>,
}

/// What the metrics know of a queue, until this is dropped.
#[derive(Debug)]
struct Told {
    levels: Level,
    bytes: usize,
}

impl Told {
    fn nothing(levels: Level) -> Self {
        Self { levels, bytes: 0 }
    }

    fn set(&mut self, bytes: usize) {
        if bytes != self.bytes {
            self.levels.add(bytes);
            self.levels.sub(self.bytes);
            self.bytes = bytes;
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl AtHand {
    /// Whether more is to be decoded before the handler is given what there is: as
    /// much as it is given at once. What is compressed may become a thousand times
    /// as much.
    fn has_room(&self, config: &Config) -> bool {
        self.inbox.len() < config.frames_batch_max
            && self.inbox_bytes < config.frames_batch_max_bytes
    }
}

/// See the module.
pub(super) struct Wire<S> {
    stream: S,
    decoder: Decoder,
    read_size: ReadSize,
    /// Where the settings limit what the peer may send.
    rate: Option<Box<Rate>>,
    at_hand: Option<Box<AtHand>>,
    encoder: Encoder,
    peer: Peer,
    /// Whether nothing more goes out: a Close was queued, or the socket failed.
    closed: bool,
    /// When something was last received. None: since this was last looked at.
    last_read: Option<Instant>,
    /// False: the handler has stopped the reading.
    active: bool,
    /// Whether pings and pongs are handed on.
    control_frames: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Takes over a socket. `early` is what was read from it already.
    pub(super) fn new(
        stream: S,
        early: &Bytes,
        options: &Options,
        agreed: Option<&Agreed>,
        config: &Config,
    ) -> Self {
        let size_max = options.frame_size_max;
        Self {
            stream,
            decoder: match agreed {
                Some(agreed) => Decoder::with_deflate(size_max, agreed),
                None => Decoder::new(size_max),
            },
            encoder: Encoder::new(agreed),
            read_size: ReadSize::default(),
            rate: Rate::new(config),
            at_hand: Some(Box::new(AtHand { input: early[..].into(), ..AtHand::default() })),
            peer: Peer::Talking,
            closed: false,
            last_read: Some(Instant::now()),
            active: true,
            control_frames: options.control_frames,
        }
    }

    /// When something was last received.
    pub(super) fn last_read(&mut self) -> Instant {
        *self.last_read.get_or_insert_with(Instant::now)
    }

    /// What was received was so by this time, which is as good as the time itself and
    /// saves a look at the clock for each message.
    pub(super) fn was_read_by(&mut self, at: Instant) {
        self.last_read.get_or_insert(at);
    }

    /// Stops or resumes the reading.
    pub(super) fn set_active(&mut self, active: bool) {
        self.active = active;
    }

    /// Hands pings and pongs on, or not.
    pub(super) fn set_control_frames(&mut self, shown: bool) {
        self.control_frames = shown;
    }

    /// Changes the largest message taken.
    pub(super) fn set_frame_size_max(&mut self, bytes: usize) {
        self.decoder.set_message_size_max(bytes);
    }

    /// Whether compression was agreed on.
    pub(super) fn compression(&self) -> bool {
        self.encoder.is_agreed()
    }

    /// How many bytes wait to be written.
    pub(super) fn queued_bytes(&self) -> usize {
        self.at_hand.as_ref().map_or(0, |at_hand| at_hand.queue.len_bytes())
    }

    fn at_hand(&mut self) -> &mut AtHand {
        self.at_hand.get_or_insert_default()
    }

    /// Queues a message.
    pub(super) fn push(&mut self, message: &Message, tenant: &Tenant) {
        if !self.closed {
            tenant.metrics.sent.count(message);
            self.encoder.push(message, &mut self.at_hand.get_or_insert_default().queue);
        }
    }

    /// Queues a Close. Nothing may be queued behind it.
    pub(super) fn push_close(&mut self, frame: Option<CloseFrame>, tenant: &Tenant) {
        self.push(&Message::Close(frame), tenant);
        self.closed = true;
    }

    /// Compresses the messages that follow, or not, where that was agreed on.
    pub(super) fn set_compressing(&mut self, compressing: bool) {
        self.encoder.set_compressing(compressing);
    }

    /// Gives back what it needs only while something happens.
    pub(super) fn rest(&mut self) {
        self.encoder.reset();
        self.at_hand = self.at_hand.take().filter(|at_hand| {
            let AtHand { input, inbox, queue, .. } = &**at_hand;
            !(input.is_empty() && inbox.is_empty() && queue.is_empty())
        });
    }

    /// Queues a frame that goes to many.
    pub(super) fn push_shared(&mut self, frame: &SharedFrame, tenant: &Tenant) {
        if !self.closed {
            tenant.metrics.sent.count(frame.message());
            self.encoder.push_shared(frame, &mut self.at_hand.get_or_insert_default().queue);
        }
    }

    /// Whether messages wait to be handled.
    pub(super) fn has_messages(&self) -> bool {
        self.at_hand.as_ref().is_some_and(|at_hand| !at_hand.inbox.is_empty())
    }

    /// Takes the messages at hand, up to these limits, but one at least.
    pub(super) fn take_messages(&mut self, count_max: usize, bytes_max: usize) -> Messages {
        let AtHand { inbox, inbox_bytes, .. } = self.at_hand();
        let mut bytes = 0;
        let fits = |message: &&Message| {
            bytes += message.len_bytes();
            bytes <= bytes_max
        };
        let count = inbox.iter().take(count_max).take_while(fits).count();
        let taken: Messages = inbox.drain(..count.max(1).min(inbox.len())).collect();
        *inbox_bytes -= taken.iter().map(Message::len_bytes).sum::<usize>();
        if inbox.is_empty() && inbox.capacity() > INBOX_KEPT {
            *inbox = VecDeque::new();
        }
        taken
    }

    /// Why nothing more comes.
    pub(super) fn take_end(&mut self) -> Option<Ending> {
        match mem::replace(&mut self.peer, Peer::Done) {
            Peer::Ended(end) => Some(match *end {
                End::Close(frame) => Ending::Remote(frame),
                End::Decode(error) => Ending::Decode(error),
                End::Rate(setting) => Ending::Rate(setting),
                End::Gone => Ending::Gone,
                End::Io(error) => Ending::Io(error),
            }),
            before => {
                self.peer = before;
                None
            }
        }
    }

    /// Reads once. Ready: there is something new, be it only a ping that was
    /// answered. Pings are answered here, whatever else goes on.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, tenant: &Tenant) -> Poll<()> {
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
    pub(super) fn resumes_at(&self) -> Option<Instant> {
        self.rate.as_ref()?.resumes_at()
    }

    /// The peer may send again. That it was not read meanwhile is not its silence.
    pub(super) fn resume(&mut self) {
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

    fn end(&mut self, end: End) {
        self.peer = Peer::Ended(Box::new(end));
    }

    fn is_talking(&self) -> bool {
        matches!(self.peer, Peer::Talking)
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
        let at_hand = self.at_hand();
        at_hand.inbox_bytes += message.len_bytes();
        at_hand.inbox.push_back(message);
    }

    /// Writes what is queued.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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

    /// While a callback runs: writes, and reads ahead to a limit, so that pings
    /// are answered and a Close is seen.
    pub(super) fn pump(&mut self, cx: &mut Context<'_>, tenant: &Tenant) {
        let config = &tenant.config;
        loop {
            self.write_some(cx, tenant);
            let at_hand = self.at_hand();
            let before = at_hand.inbox.len();
            // Without room for the handler, what was read is not decoded either.
            let has_room = at_hand.has_room(config)
                && at_hand.inbox_bytes < config.read_ahead_max_bytes
                && self.room(config).is_some();
            let reads_on = has_room && self.poll_read(cx, tenant).is_ready();
            // Not by the time that the callback was called.
            self.last_read();
            if !reads_on {
                return;
            }
            // They may wait for long, and each would keep the buffer it was read with.
            let small = |message: &&mut Message| message.len_bytes() < DETACHED_MAX_BYTES;
            self.at_hand().inbox.range_mut(before..).filter(small).for_each(Message::detach);
        }
    }

    /// How many bytes may be queued before nothing more is read; none: too many
    /// wait already.
    pub(super) fn room(&self, config: &Config) -> Option<usize> {
        (config.send_queue_high_bytes + 1).checked_sub(self.queued_bytes()).filter(|room| *room > 0)
    }

    /// Writes what can be. When the socket fails, what is queued and what would
    /// be is dropped, and the failure is the peer's end, behind what it has sent.
    ///
    /// A peer that is held back, and takes what it gets, is not silent.
    pub(super) fn write_some(&mut self, cx: &mut Context<'_>, tenant: &Tenant) {
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
        self.tell_queued(tenant);
    }

    /// Has the metrics know what waits: mostly nothing does, and nothing is told.
    fn tell_queued(&mut self, tenant: &Tenant) {
        let Some(at_hand) = &mut self.at_hand else { return };
        let bytes = at_hand.queue.len_bytes();
        if bytes == 0 {
            at_hand.told = None;
        } else {
            let levels = &tenant.metrics.send_queues;
            at_hand.told.get_or_insert_with(|| Told::nothing(levels.clone())).set(bytes);
        }
    }

    /// Ready when the peer has said Close, or can't be understood or heard any
    /// more. Its messages are dropped.
    pub(super) fn poll_peer_close(&mut self, cx: &mut Context<'_>, tenant: &Tenant) -> Poll<()> {
        self.active = true;
        self.rate = None;
        loop {
            let at_hand = self.at_hand();
            (at_hand.inbox_bytes, at_hand.inbox) = (0, VecDeque::new());
            if !self.is_talking() {
                return Poll::Ready(());
            }
            ready!(self.poll_read(cx, tenant));
        }
    }

    /// Tells the peer that nothing more is sent.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// Ready when the peer says that it sends nothing more. What it sends is dropped.
    pub(super) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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
