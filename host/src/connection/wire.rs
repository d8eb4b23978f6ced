//! The peer's side of a connection: the socket, what was read from it, and what
//! waits to be written to it.
//!
//! While nothing happens it holds no buffer: one is taken for each read, and
//! given back when what was read is used up.

mod at_hand;
mod reading;
mod writing;

use std::{io, mem, task::Context, time::Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use self::at_hand::AtHand;
pub(super) use self::at_hand::Messages;
use super::{Options, buffers::ReadSize, ending::Ending, rate::Rate};
use crate::{
    config::Config,
    tenant::Tenant,
    websocket::{Agreed, CloseFrame, DecodeError, Decoder, Encoder, Message},
};

/// Messages that are shorter are copied when they have to wait.
const DETACHED_MAX_BYTES: usize = 64 * 1024;

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
            at_hand: Some(Box::new(AtHand::new(early))),
            peer: Peer::Talking,
            closed: false,
            last_read: Some(Instant::now()),
            active: true,
            control_frames: options.control_frames,
        }
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

    fn at_hand(&mut self) -> &mut AtHand {
        self.at_hand.get_or_insert_default()
    }

    /// Gives back what it needs only while something happens.
    pub(super) fn rest(&mut self) {
        self.encoder.reset();
        self.at_hand = self.at_hand.take().filter(|at_hand| !at_hand.is_empty());
    }

    /// Whether messages wait to be handled.
    pub(super) fn has_messages(&self) -> bool {
        self.at_hand.as_ref().is_some_and(|at_hand| !at_hand.inbox.is_empty())
    }

    /// Takes the messages at hand, up to these limits, but one at least.
    pub(super) fn take_messages(&mut self, count_max: usize, bytes_max: usize) -> Messages {
        self.at_hand().take_messages(count_max, bytes_max)
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

    fn end(&mut self, end: End) {
        self.peer = Peer::Ended(Box::new(end));
    }

    fn is_talking(&self) -> bool {
        matches!(self.peer, Peer::Talking)
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
}
