//! What a new subscriber gets of what was published before.

use std::sync::atomic::Ordering;

use super::{Mailbox, frame_bytes};
use crate::{messaging::Mail, websocket::SharedFrame};

/// What was published to a topic before somebody subscribed to it.
#[derive(Debug, Default)]
pub(in crate::messaging) struct Past {
    /// Messages, in order.
    pub(in crate::messaging) mail: Vec<Mail>,
    /// Frames, in order.
    pub(in crate::messaging) frames: Vec<SharedFrame>,
    /// What to tell before, where something is missing.
    pub(in crate::messaging) gap: Option<Mail>,
    /// Whether something is.
    pub(in crate::messaging) missing: bool,
}

impl Mailbox {
    /// Leaves what was published to a topic before, as far as there is room for it:
    /// the newest. A `gap` is told before, where something is `missing` by then or for
    /// want of room.
    pub(in crate::messaging) fn leave_past(&self, past: Past) {
        let mut inside = self.lock();
        if inside.closed {
            return;
        }
        let waiting = inside.waiting.get_or_insert_default();
        let Past { mail, frames, gap, missing } = past;
        let takes_mail = self.takes_mail.load(Ordering::Relaxed);
        let (mail, mut gap) = if takes_mail { (mail, gap) } else { (Vec::new(), None) };
        let config = &self.tenant.config;
        let room = config.mailbox_max.saturating_sub(waiting.mail.len());
        let room_bytes = config.mailbox_max_bytes.saturating_sub(waiting.mail_bytes);
        let fit = |before: usize, before_bytes: usize| {
            let room = room.saturating_sub(before);
            left_out(&mail, room, room_bytes.saturating_sub(before_bytes), Mail::bytes)
        };
        let frame_room_bytes = config.send_queue_max_bytes.saturating_sub(waiting.frame_bytes);
        let frames_left_out = left_out(&frames, frames.len(), frame_room_bytes, frame_bytes);
        let missing = missing || fit(0, 0) + frames_left_out > 0;
        let told = gap.take_if(|_| missing);
        let mail_left_out = told.as_ref().map_or_else(|| fit(0, 0), |gap| fit(1, gap.bytes()));
        for mail in told.into_iter().chain(mail.into_iter().skip(mail_left_out)) {
            // By the plugin's total there may be no room even so.
            if let Err(setting) = self.push(waiting, mail) {
                self.tenant.limit(setting);
                // In its place. This one has room always.
                gap.take().into_iter().for_each(|gap| _ = self.push(waiting, gap));
            }
        }
        for frame in frames.into_iter().skip(frames_left_out) {
            waiting.frame_bytes += frame_bytes(&frame);
            waiting.frames.push_back(frame);
        }
        inside.tidy();
        self.ring(inside);
    }
}

/// How many of the oldest have to be left out, so that the others have room.
fn left_out<T>(
    items: &[T],
    room: usize,
    mut room_bytes: usize,
    bytes: impl Fn(&T) -> usize,
) -> usize {
    let fits = |item: &&T| {
        let left = room_bytes.checked_sub(bytes(item));
        room_bytes = left.unwrap_or(0);
        left.is_some()
    };
    items.len() - items.iter().rev().take(room).take_while(fits).count()
}
