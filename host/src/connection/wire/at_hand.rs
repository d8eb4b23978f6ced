//! What a connection has only while something happens.

use std::collections::VecDeque;

use bytes::BytesMut;
use smallvec::SmallVec;

use crate::{
    config::Config,
    observe::metrics::Level,
    websocket::{Message, SendQueue},
};

/// Messages for which an empty inbox keeps room.
const INBOX_KEPT: usize = 16;

/// Messages that are handled together: mostly one.
pub(in crate::connection) type Messages = SmallVec<[Message; 1]>;

/// What there is while something happens. A connection at rest has none.
#[derive(Debug, Default)]
pub(super) struct AtHand {
    /// Bytes read and not decoded yet.
    pub(super) input: BytesMut,
    /// Messages decoded and not handled yet.
    pub(super) inbox: VecDeque<Message>,
    pub(super) inbox_bytes: usize,
    /// What waits to be written.
    pub(super) queue: SendQueue,
    /// What the metrics know of it. None: it was all written at once.
    told: Option<Told>,
}

impl AtHand {
    /// What is there at first.
    pub(super) fn new(early: &[u8]) -> Self {
        Self { input: early.into(), ..Self::default() }
    }

    /// Whether it is worth nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.input.is_empty() && self.inbox.is_empty() && self.queue.is_empty()
    }

    /// Whether more is to be decoded before the handler is given what there is: as
    /// much as it is given at once. What is compressed may become a thousand times
    /// as much.
    pub(super) fn has_room(&self, config: &Config) -> bool {
        self.inbox.len() < config.frames_batch_max
            && self.inbox_bytes < config.frames_batch_max_bytes
    }

    /// Keeps a message for the handler.
    pub(super) fn keep(&mut self, message: Message) {
        self.inbox_bytes += message.len_bytes();
        self.inbox.push_back(message);
    }

    /// Takes the messages, up to these limits, but one at least.
    pub(super) fn take_messages(&mut self, count_max: usize, bytes_max: usize) -> Messages {
        let Self { inbox, inbox_bytes, .. } = self;
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

    /// Drops the messages.
    pub(super) fn drop_messages(&mut self) {
        (self.inbox_bytes, self.inbox) = (0, VecDeque::new());
    }

    /// Has the metrics know what waits: mostly nothing does, and nothing is told.
    pub(super) fn tell_queued(&mut self, levels: &Level) {
        let bytes = self.queue.len_bytes();
        if bytes == 0 {
            self.told = None;
        } else {
            self.told.get_or_insert_with(|| Told::nothing(levels.clone())).set(bytes);
        }
    }
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
