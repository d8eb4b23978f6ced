//! A connection's address: where others leave messages for it.

mod past;

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Waker},
};

pub(super) use self::past::Past;
use super::{ConnectionId, Question, mail::Mail};
use crate::{
    config::{Config, SlowReader},
    tenant::Tenant,
    websocket::{CloseFrame, SharedFrame},
};

/// What it takes to keep a published frame, beside its payload.
pub const FRAME_OVERHEAD_BYTES: usize = size_of::<SharedFrame>();

/// What became of something left for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It waits.
    Waiting,
    /// There was no room, or the connection is ending.
    Dropped,
}

/// Where others leave messages and frames for a connection, which is woken.
///
/// Its owner is one task, the same as long as there is a mailbox, but where it
/// [moves](Mailbox::owner_moved).
#[derive(Debug)]
pub struct Mailbox {
    /// Whose it is.
    pub id: ConnectionId,
    /// How much may wait here, and in all.
    tenant: Arc<Tenant>,
    /// Whether its handler wants messages.
    takes_mail: AtomicBool,
    /// Whether the owner has to look inside: something waits, or it isn't known
    /// whom to wake. False nearly always, which saves the owner the lock.
    rung: AtomicBool,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    /// None, and no room for it, nearly always.
    waiting: Option<Box<Waiting>>,
    frames_lost: bool,
    frames_dropped: u32,
    shutdown: bool,
    /// Whether the owner is to look whether its plugin was replaced.
    replaced: bool,
    closed: bool,
    owner: Option<Waker>,
}

#[derive(Debug, Default)]
struct Waiting {
    mail: VecDeque<Mail>,
    mail_bytes: usize,
    frames: VecDeque<SharedFrame>,
    frame_bytes: usize,
    /// Asked by the operator, and not answered yet.
    questions: Vec<Question>,
    /// What the operator wants the peer to be told at the end, which is now.
    closing: Option<CloseFrame>,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        let Self { mail, frames, questions, closing, .. } = self;
        mail.is_empty() && frames.is_empty() && questions.is_empty() && closing.is_none()
    }
}

impl Inside {
    /// Keeps no room where nothing waits.
    fn tidy(&mut self) {
        self.waiting.take_if(|waiting| waiting.is_empty());
    }
}

/// What can't wait for a callback, or needs none.
#[derive(Debug)]
pub enum Urgent {
    /// The host is going down.
    Shutdown,
    /// The plugin was replaced. Said until it is [taken](Mailbox::take_replaced).
    Replaced,
    /// The operator closes it, by this frame.
    Operator(CloseFrame),
    /// Frames had to be dropped: the peer reads too slowly.
    FramesLost,
    /// Frames for the socket, in order.
    Frames(VecDeque<SharedFrame>),
}

impl Mailbox {
    /// An empty one, with the room that the settings say: for frames, and for
    /// messages if the handler `takes_mail`.
    #[must_use]
    pub fn new(id: ConnectionId, tenant: Arc<Tenant>, takes_mail: bool) -> Self {
        let (takes_mail, rung) = (AtomicBool::new(takes_mail), AtomicBool::new(true));
        Self { id, tenant, takes_mail, rung, inside: Mutex::default() }
    }

    /// The settings of its plugin.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.tenant.config
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a message for the handler. One that is too many is dropped.
    pub fn leave(&self, mail: Mail) -> Left {
        let mut inside = self.lock();
        if inside.closed || !self.takes_mail.load(Ordering::Relaxed) {
            return self.dropped();
        }
        let waiting = inside.waiting.get_or_insert_default();
        let Err(setting) = self.push(waiting, mail) else {
            self.ring(inside);
            return Left::Waiting;
        };
        inside.tidy();
        drop(inside);
        self.tenant.limit(setting);
        self.dropped()
    }

    fn dropped(&self) -> Left {
        self.tenant.metrics.mail_dropped.inc();
        Left::Dropped
    }

    /// Adds a message, if there is room.
    fn push(&self, waiting: &mut Waiting, mail: Mail) -> Result<(), &'static str> {
        let Tenant { config, totals, .. } = &*self.tenant;
        let bytes = mail.bytes();
        if mail.has_room_always() {
            totals.mail_bytes.add_always(bytes);
        } else if waiting.mail.len() >= config.mailbox_max {
            return Err("mailbox_max");
        } else if waiting.mail_bytes + bytes > config.mailbox_max_bytes {
            return Err("mailbox_max_bytes");
        } else if !totals.mail_bytes.add(bytes) {
            return Err(totals.mail_bytes.setting());
        }
        waiting.mail_bytes += bytes;
        waiting.mail.push_back(mail);
        self.tenant.metrics.mail.add(1);
        Ok(())
    }

    /// Leaves a frame for the socket. One that is too many is dropped. Where that
    /// ends the connection, its owner is told.
    pub fn leave_frame(&self, frame: SharedFrame) -> Left {
        let mut inside = self.lock();
        if inside.closed || inside.frames_lost {
            return self.dropped();
        }
        let before = inside.waiting.as_ref().map_or(0, |waiting| waiting.frame_bytes);
        let bytes = before + frame_bytes(&frame);
        if bytes > self.tenant.config.send_queue_max_bytes {
            self.no_room(inside);
            return self.dropped();
        }
        let waiting = inside.waiting.get_or_insert_default();
        waiting.frame_bytes = bytes;
        waiting.frames.push_back(frame);
        self.ring(inside);
        Left::Waiting
    }

    /// A frame was dropped. The first of a connection is told at once, their
    /// number at its end.
    fn no_room(&self, mut inside: MutexGuard<'_, Inside>) {
        match self.tenant.config.slow_reader {
            SlowReader::Close => {
                inside.frames_lost = true;
                self.ring(inside);
            }
            SlowReader::Drop => {
                inside.frames_dropped += 1;
                let first = inside.frames_dropped == 1;
                drop(inside);
                if first {
                    let (plugin, connection) = (&self.tenant.name, self.id);
                    tracing::debug!(%plugin, %connection, "published frames are dropped: the peer reads too slowly (send_queue_max_bytes)");
                }
            }
        }
    }

    /// The owner is to look inside the next time it asks, whatever there is: it asked
    /// last by another task, and it is not known whom to wake.
    pub fn owner_moved(&self) {
        self.rung.store(true, Ordering::Release);
    }

    /// Tells the owner that the host is going down.
    pub fn shut_down(&self) {
        let mut inside = self.lock();
        inside.shutdown = true;
        self.ring(inside);
    }

    /// Takes messages for the handler from now on, or not.
    pub fn set_takes_mail(&self, takes_mail: bool) {
        self.takes_mail.store(takes_mail, Ordering::Relaxed);
    }

    /// Tells the owner that its plugin was replaced.
    pub fn replaced(&self) {
        let mut inside = self.lock();
        inside.replaced = true;
        self.ring(inside);
    }

    /// The owner has looked.
    pub fn take_replaced(&self) {
        self.lock().replaced = false;
    }

    /// Asks the owner. Those who wait no more for an answer are forgotten.
    pub fn ask(&self, question: Question) {
        let mut inside = self.lock();
        if inside.closed {
            return;
        }
        let questions = &mut inside.waiting.get_or_insert_default().questions;
        questions.retain(|question| !question.answer.is_closed());
        questions.push(question);
        self.ring(inside);
    }

    /// Takes what was asked.
    pub fn take_questions(&self) -> Vec<Question> {
        if !self.rung.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut inside = self.lock();
        inside.waiting.as_mut().map(|waiting| mem::take(&mut waiting.questions)).unwrap_or_default()
    }

    /// Tells the owner that the operator closes the connection by this frame.
    pub fn close_by_operator(&self, frame: CloseFrame) {
        let mut inside = self.lock();
        if inside.closed {
            return;
        }
        inside.waiting.get_or_insert_default().closing.get_or_insert(frame);
        self.ring(inside);
    }

    /// How many messages wait for the handler.
    #[must_use]
    pub fn mail(&self) -> usize {
        self.lock().waiting.as_ref().map_or(0, |waiting| waiting.mail.len())
    }

    /// Wakes the owner, once the lock is free.
    fn ring(&self, mut inside: MutexGuard<'_, Inside>) {
        self.rung.store(true, Ordering::Release);
        let owner = inside.owner.take();
        drop(inside);
        if let Some(owner) = owner {
            owner.wake();
        }
    }

    /// Takes what is urgent, of frames as many as there is room for in bytes (one
    /// at least where there is any). The owner is woken when anything more is left
    /// here, mail too.
    pub fn poll_urgent(&self, cx: &Context<'_>, room_bytes: usize) -> Option<Urgent> {
        if !self.rung.load(Ordering::Acquire) {
            return None;
        }
        let mut inside = self.lock();
        if inside.shutdown {
            return Some(Urgent::Shutdown);
        }
        if inside.frames_lost {
            return Some(Urgent::FramesLost);
        }
        // Before all that goes on: while a callback runs, only frames are looked at.
        if !inside.owner.as_ref().is_some_and(|owner| owner.will_wake(cx.waker())) {
            inside.owner = Some(cx.waker().clone());
        }
        if let Some(Waiting { closing: Some(frame), .. }) = inside.waiting.as_deref() {
            return Some(Urgent::Operator(frame.clone()));
        }
        if let Some(waiting) = &mut inside.waiting
            && room_bytes > 0
            && !waiting.frames.is_empty()
        {
            return Some(Urgent::Frames(waiting.take_frames(room_bytes)));
        }
        if inside.replaced {
            return Some(Urgent::Replaced);
        }
        inside.tidy();
        if inside.waiting.is_none() {
            self.rung.store(false, Ordering::Release);
        }
        None
    }

    /// Takes the oldest message for the handler.
    pub fn take_mail(&self) -> Option<Mail> {
        if !self.rung.load(Ordering::Acquire) {
            return None;
        }
        let mut inside = self.lock();
        let waiting = inside.waiting.as_mut()?;
        let mail = waiting.mail.pop_front()?;
        waiting.mail_bytes -= mail.bytes();
        self.tenant.totals.mail_bytes.give(mail.bytes());
        self.tenant.metrics.mail.sub(1);
        Some(mail)
    }

    /// Forgets those messages that have not arrived.
    pub fn forget(&self, those: impl Fn(&Mail) -> bool) {
        let mut inside = self.lock();
        let Some(waiting) = &mut inside.waiting else { return };
        let before = waiting.mail.len();
        waiting.mail.retain(|mail| !those(mail));
        self.tenant.metrics.mail.sub(before - waiting.mail.len());
        let left = waiting.mail.iter().map(Mail::bytes).sum();
        self.tenant.totals.mail_bytes.give(waiting.mail_bytes - left);
        waiting.mail_bytes = left;
    }

    /// Takes nothing any more. Returns how many frames were dropped while the
    /// connection went on.
    pub fn close(&self) -> u32 {
        let mut inside = self.lock();
        let before = mem::replace(&mut *inside, Inside { closed: true, ..Inside::default() });
        drop(inside);
        if let Some(waiting) = before.waiting {
            self.tenant.totals.mail_bytes.give(waiting.mail_bytes);
            self.tenant.metrics.mail.sub(waiting.mail.len());
        }
        before.frames_dropped
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.close();
    }
}

/// What a frame takes, with what it takes to keep it.
fn frame_bytes(frame: &SharedFrame) -> usize {
    FRAME_OVERHEAD_BYTES + frame.len_bytes()
}

impl Waiting {
    fn take_frames(&mut self, room_bytes: usize) -> VecDeque<SharedFrame> {
        let mut taken = 0;
        let fits = |frame: &&SharedFrame| {
            let had_room = taken < room_bytes;
            taken += frame.len_bytes();
            had_room
        };
        let count = self.frames.iter().take_while(fits).count();
        let rest = self.frames.split_off(count);
        let frames = mem::replace(&mut self.frames, rest);
        self.frame_bytes -= frames.iter().map(frame_bytes).sum::<usize>();
        frames
    }
}

#[cfg(test)]
mod tests;
