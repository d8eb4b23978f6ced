//! A connection's address: where others leave messages for it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
};

use bytes::Bytes;

use super::ConnectionId;

/// A message for a handler's `info`.
#[derive(Clone, Debug)]
pub enum Mail {
    /// From one connection.
    Direct {
        /// Who sent it.
        from: ConnectionId,
        /// What it says.
        payload: Bytes,
    },
    /// From a topic.
    Published {
        /// Which.
        topic: Arc<str>,
        /// Who published it.
        from: ConnectionId,
        /// What it says.
        payload: Bytes,
    },
}

impl Mail {
    fn bytes(&self) -> usize {
        match self {
            Self::Direct { payload, .. } => payload.len(),
            Self::Published { topic, payload, .. } => topic.len() + payload.len(),
        }
    }
}

/// How much may wait for one connection.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Messages for its handler.
    pub mail: usize,
    /// Their bytes.
    pub mail_bytes: usize,
    /// Bytes of frames for its socket.
    pub frame_bytes: usize,
}

/// What became of something left for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It waits.
    Waiting,
    /// There was no room, or the connection is ending.
    Dropped,
}

/// Where others leave messages and frames for a connection, which is woken.
#[derive(Debug)]
pub struct Mailbox {
    /// Whose it is.
    pub id: ConnectionId,
    room: Room,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    mail: VecDeque<Mail>,
    mail_bytes: usize,
    frames: VecDeque<Bytes>,
    frame_bytes: usize,
    frames_lost: bool,
    shutdown: bool,
    closed: bool,
    owner: Option<Waker>,
}

/// What can't wait for a callback, or needs none.
#[derive(Debug)]
pub enum Urgent {
    /// The host is going down.
    Shutdown,
    /// Frames had to be dropped: the peer reads too slowly.
    FramesLost,
    /// Encoded frames for the socket, in order.
    Frames(VecDeque<Bytes>),
}

impl Mailbox {
    /// An empty one.
    #[must_use]
    pub fn new(id: ConnectionId, room: Room) -> Self {
        Self { id, room, inside: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a message for the handler. One that is too many is dropped.
    pub fn leave(&self, mail: Mail) -> Left {
        let mut inside = self.lock();
        let bytes = inside.mail_bytes + mail.bytes();
        if inside.closed || inside.mail.len() >= self.room.mail || bytes > self.room.mail_bytes {
            return Left::Dropped;
        }
        inside.mail_bytes = bytes;
        inside.mail.push_back(mail);
        wake(inside);
        Left::Waiting
    }

    /// Leaves an encoded frame for the socket. One that is too many is dropped,
    /// and the owner told.
    pub fn leave_frame(&self, frame: Bytes) -> Left {
        let mut inside = self.lock();
        let bytes = inside.frame_bytes + frame.len();
        if inside.closed || inside.frames_lost {
            return Left::Dropped;
        }
        if bytes > self.room.frame_bytes {
            inside.frames_lost = true;
            wake(inside);
            return Left::Dropped;
        }
        inside.frame_bytes = bytes;
        inside.frames.push_back(frame);
        wake(inside);
        Left::Waiting
    }

    /// Tells the owner that the host is going down.
    pub fn shut_down(&self) {
        let mut inside = self.lock();
        inside.shutdown = true;
        wake(inside);
    }

    /// Takes what is urgent (frames only where they are wanted), or has the
    /// owner woken when anything is left here, mail too.
    pub fn poll_urgent(&self, cx: &Context<'_>, frames_wanted: bool) -> Option<Urgent> {
        let mut inside = self.lock();
        if inside.shutdown {
            return Some(Urgent::Shutdown);
        }
        if inside.frames_lost {
            return Some(Urgent::FramesLost);
        }
        if frames_wanted && !inside.frames.is_empty() {
            inside.frame_bytes = 0;
            return Some(Urgent::Frames(std::mem::take(&mut inside.frames)));
        }
        if !inside.owner.as_ref().is_some_and(|owner| owner.will_wake(cx.waker())) {
            inside.owner = Some(cx.waker().clone());
        }
        None
    }

    /// Takes the oldest message for the handler.
    pub fn take_mail(&self) -> Option<Mail> {
        let mut inside = self.lock();
        let mail = inside.mail.pop_front()?;
        inside.mail_bytes -= mail.bytes();
        Some(mail)
    }

    /// Forgets what was published to a topic and has not arrived.
    pub fn forget_topic(&self, topic: &str) {
        let mut inside = self.lock();
        inside
            .mail
            .retain(|mail| !matches!(mail, Mail::Published { topic: of, .. } if **of == *topic));
        inside.mail_bytes = inside.mail.iter().map(Mail::bytes).sum();
    }

    /// Takes nothing any more.
    pub fn close(&self) {
        let mut inside = self.lock();
        *inside = Inside { closed: true, ..Inside::default() };
    }
}

/// Wakes the owner, once the lock is free.
fn wake(mut inside: MutexGuard<'_, Inside>) {
    let owner = inside.owner.take();
    drop(inside);
    if let Some(owner) = owner {
        owner.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox() -> Mailbox {
        Mailbox::new(ConnectionId::random(), Room { mail: 2, mail_bytes: 10, frame_bytes: 10 })
    }

    fn mail(payload: &'static str) -> Mail {
        Mail::Direct {
            from: ConnectionId::random(),
            payload: Bytes::from_static(payload.as_bytes()),
        }
    }

    fn urgent(mailbox: &Mailbox, frames_wanted: bool) -> Option<Urgent> {
        mailbox.poll_urgent(&Context::from_waker(Waker::noop()), frames_wanted)
    }

    #[test]
    fn mail_is_bounded_in_count_and_bytes() {
        let mailbox = mailbox();
        assert_eq!(mailbox.leave(mail("12345678901")), Left::Dropped);
        assert_eq!(mailbox.leave(mail("a")), Left::Waiting);
        assert_eq!(mailbox.leave(mail("b")), Left::Waiting);
        assert_eq!(mailbox.leave(mail("c")), Left::Dropped);
        assert!(
            matches!(mailbox.take_mail(), Some(Mail::Direct { payload, .. }) if payload == "a")
        );
        assert_eq!(mailbox.leave(mail("1234567890")), Left::Dropped);
        assert_eq!(mailbox.leave(mail("123456789")), Left::Waiting);
    }

    #[test]
    fn frames_wait_until_they_are_wanted_and_their_loss_is_told() {
        let mailbox = mailbox();
        mailbox.leave_frame(Bytes::from_static(b"12345"));
        assert!(urgent(&mailbox, false).is_none());
        assert!(
            matches!(urgent(&mailbox, true), Some(Urgent::Frames(frames)) if frames.len() == 1)
        );
        assert!(urgent(&mailbox, true).is_none());
        mailbox.leave_frame(Bytes::from_static(b"12345678901"));
        assert!(matches!(urgent(&mailbox, false), Some(Urgent::FramesLost)));
        mailbox.shut_down();
        assert!(matches!(urgent(&mailbox, false), Some(Urgent::Shutdown)));
    }

    #[test]
    fn a_closed_mailbox_takes_nothing() {
        let mailbox = mailbox();
        mailbox.leave(mail("a"));
        mailbox.close();
        assert_eq!(mailbox.leave(mail("b")), Left::Dropped);
        assert_eq!(mailbox.leave_frame(Bytes::from_static(b"b")), Left::Dropped);
        assert!(mailbox.take_mail().is_none());
    }

    #[test]
    fn what_was_published_to_a_topic_can_be_forgotten() {
        let mailbox = mailbox();
        let from = ConnectionId::random();
        mailbox.leave(Mail::Published {
            topic: "t".into(),
            from,
            payload: Bytes::from_static(b"12345"),
        });
        mailbox.leave(mail("a"));
        mailbox.forget_topic("t");
        assert!(matches!(mailbox.take_mail(), Some(Mail::Direct { .. })));
        assert_eq!(mailbox.leave(mail("1234567890")), Left::Waiting);
    }
}
