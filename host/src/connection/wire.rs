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
};
use crate::config::Config;
use crate::websocket::{
    Agreed, CloseFrame, DecodeError, Decoder, Encoder, Message, SendQueue, SharedFrame,
};

/// Messages for which an empty inbox keeps room.
const INBOX_KEPT: usize = 16;

/// Messages that are handled together: mostly one.
pub(super) type Messages = SmallVec<[Message; 1]>;

/// Whether more comes from the peer.
#[derive(Debug)]
enum Peer {
    Talking,
    /// No more comes, and nobody was told yet.
    Ended(End),
    Done,
}

/// Why nothing more comes from the peer.
#[derive(Debug)]
enum End {
    Close(Option<CloseFrame>),
    Decode(DecodeError),
    Gone,
    Io(io::Error),
}

/// See the module.
pub(super) struct Wire<S> {
    stream: S,
    decoder: Decoder,
    read_size: ReadSize,
    /// Bytes read and not decoded yet.
    input: BytesMut,
    /// Messages decoded and not handled yet.
    inbox: VecDeque<Message>,
    inbox_bytes: usize,
    encoder: Encoder,
    queue: SendQueue,
    peer: Peer,
    /// Whether nothing more goes out: a Close was queued, or the socket failed.
    closed: bool,
    /// When something was last received.
    last_read: Instant,
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
            input: BytesMut::from(&early[..]),
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            queue: SendQueue::default(),
            peer: Peer::Talking,
            closed: false,
            last_read: Instant::now(),
            active: true,
            control_frames: options.control_frames,
        }
    }

    /// When something was last received.
    pub(super) fn last_read(&self) -> Instant {
        self.last_read
    }

    /// Stops or resumes the reading.
    pub(super) fn set_active(&mut self, active: bool) {
        self.active = active;
    }

    /// Changes the largest message taken.
    pub(super) fn set_frame_size_max(&mut self, bytes: usize) {
        self.decoder.set_message_size_max(bytes);
    }

    /// How many bytes wait to be written.
    pub(super) fn queued_bytes(&self) -> usize {
        self.queue.len_bytes()
    }

    /// Queues a message.
    pub(super) fn push(&mut self, message: &Message) {
        if !self.closed {
            self.encoder.push(message, &mut self.queue);
        }
    }

    /// Queues a Close. Nothing may be queued behind it.
    pub(super) fn push_close(&mut self, frame: Option<CloseFrame>) {
        self.push(&Message::Close(frame));
        self.closed = true;
    }

    /// Compresses the messages that follow, or not, where that was agreed on.
    pub(super) fn set_compressing(&mut self, compressing: bool) {
        self.encoder.set_compressing(compressing);
    }

    /// Gives back what it needs only while something happens.
    pub(super) fn rest(&mut self) {
        self.encoder.reset();
        self.inbox.shrink_to_fit();
    }

    /// Queues a frame that goes to many.
    pub(super) fn push_shared(&mut self, frame: &SharedFrame) {
        if !self.closed {
            self.encoder.push_shared(frame, &mut self.queue);
        }
    }

    /// Whether messages wait to be handled.
    pub(super) fn has_messages(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Takes the messages at hand, up to these limits, but one at least.
    pub(super) fn take_messages(&mut self, count_max: usize, bytes_max: usize) -> Messages {
        let mut bytes = 0;
        let fits = |message: &&Message| {
            bytes += message.len_bytes();
            bytes <= bytes_max
        };
        let count = self.inbox.iter().take(count_max).take_while(fits).count();
        let taken: Messages = self.inbox.drain(..count.max(1).min(self.inbox.len())).collect();
        self.inbox_bytes -= taken.iter().map(Message::len_bytes).sum::<usize>();
        if self.inbox.is_empty() && self.inbox.capacity() > INBOX_KEPT {
            self.inbox = VecDeque::new();
        }
        taken
    }

    /// Why nothing more comes.
    pub(super) fn take_end(&mut self) -> Option<Ending> {
        match mem::replace(&mut self.peer, Peer::Done) {
            Peer::Ended(End::Close(frame)) => Some(Ending::Remote(frame)),
            Peer::Ended(End::Decode(error)) => Some(Ending::Decode(error)),
            Peer::Ended(End::Gone) => Some(Ending::Gone),
            Peer::Ended(End::Io(error)) => Some(Ending::Io(error)),
            before => {
                self.peer = before;
                None
            }
        }
    }

    /// Reads once. Ready: there is something new, be it only a ping that was
    /// answered. Pings are answered here, whatever else goes on.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.active || !self.is_talking() {
            return Poll::Pending;
        }
        if self.input.is_empty() {
            match self.poll_fill(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => self.peer = Peer::Ended(End::Gone),
                Poll::Ready(Ok(_)) => self.last_read = Instant::now(),
                Poll::Ready(Err(error)) => self.peer = Peer::Ended(End::Io(error)),
            }
        }
        self.decode();
        Poll::Ready(())
    }

    fn is_talking(&self) -> bool {
        matches!(self.peer, Peer::Talking)
    }

    /// Reads into the message that is under way where it is a large one, else
    /// into a buffer taken for it.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        if let Some(mut space) = self.decoder.payload_space() {
            let read = poll_read_buf(stream, cx, &mut space);
            if let Poll::Ready(Ok(1..)) = read {
                let filled = self.decoder.payload_filled();
                self.take_decoded(filled);
            }
            return read;
        }
        let mut buffer = buffers::take(self.read_size);
        let room = buffer.capacity();
        let read = poll_read_buf(stream, cx, &mut buffer);
        match read {
            Poll::Ready(Ok(len @ 1..)) => {
                self.read_size.learn(len, room);
                self.input = buffer;
            }
            _ => buffers::give(buffer),
        }
        read
    }

    /// Decodes everything that was read.
    fn decode(&mut self) {
        while self.is_talking() {
            let decoded = self.decoder.decode(&mut self.input);
            if let Ok(None) = decoded {
                break;
            }
            self.take_decoded(decoded);
        }
        buffers::give(mem::take(&mut self.input));
    }

    fn take_decoded(&mut self, decoded: Result<Option<Message>, DecodeError>) {
        match decoded {
            Ok(None) => {}
            Ok(Some(Message::Close(frame))) => self.peer = Peer::Ended(End::Close(frame)),
            Err(error) => self.peer = Peer::Ended(End::Decode(error)),
            Ok(Some(Message::Ping(payload))) => {
                self.push(&Message::Pong(payload.clone()));
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
        self.inbox_bytes += message.len_bytes();
        self.inbox.push_back(message);
    }

    /// Writes what is queued.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.queue.is_empty() {
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
        if self.queue.chunk().len() < self.queue.len_bytes() {
            return poll_write_buf(stream, cx, &mut self.queue);
        }
        let written = ready!(stream.as_mut().poll_write(cx, self.queue.chunk()))?;
        self.queue.advance(written);
        Poll::Ready(Ok(written))
    }

    /// While a callback runs: writes, and reads ahead to a limit, so that pings
    /// are answered and a Close is seen.
    pub(super) fn pump(&mut self, cx: &mut Context<'_>, config: &Config) {
        loop {
            self.write_some(cx, config);
            let has_room = self.inbox.len() < config.frames_batch_max
                && self.inbox_bytes < config.read_ahead_max_bytes
                && self.room(config).is_some();
            if !has_room || self.poll_read(cx).is_pending() {
                return;
            }
        }
    }

    /// How many bytes may be queued before nothing more is read; none: too many
    /// wait already.
    pub(super) fn room(&self, config: &Config) -> Option<usize> {
        (config.send_queue_high_bytes + 1)
            .checked_sub(self.queue.len_bytes())
            .filter(|room| *room > 0)
    }

    /// Writes what can be. When the socket fails, what is queued and what would
    /// be is dropped, and the failure is the peer's end, behind what it has sent.
    ///
    /// A peer that is held back, and takes what it gets, is not silent.
    pub(super) fn write_some(&mut self, cx: &mut Context<'_>, config: &Config) {
        let before = self.queue.len_bytes();
        if let Poll::Ready(Err(error)) = self.poll_write(cx) {
            self.queue = SendQueue::default();
            self.closed = true;
            if self.is_talking() {
                self.peer = Peer::Ended(End::Io(error));
            }
        }
        if before > config.send_queue_high_bytes && self.queue.len_bytes() < before {
            self.last_read = Instant::now();
        }
    }

    /// Ready when the peer has said Close, or can't be understood or heard any
    /// more. Its messages are dropped.
    pub(super) fn poll_peer_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.active = true;
        loop {
            (self.inbox_bytes, self.inbox) = (0, VecDeque::new());
            if !self.is_talking() {
                return Poll::Ready(());
            }
            ready!(self.poll_read(cx));
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
