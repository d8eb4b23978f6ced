//! What was published to topics before, as far as the operator has it kept.

use std::{
    collections::VecDeque,
    fmt,
    str::FromStr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::{Duration, Instant},
};

use dashmap::DashMap;
use thiserror::Error;

use super::{
    ConnectionId,
    id::random,
    mail::Mail,
    mailbox::Past,
    publication::{Content, Publication},
    rules::{Rule, Rules},
};
use crate::tenant::Tenant;

/// What it takes to keep an entry, beside its payload and its topic.
const ENTRY_BYTES: usize = 128;
/// How often it is looked for what is too old, while there is no room.
const SWEPT_EVERY: Duration = Duration::from_secs(1);
/// So few histories are not worth looking for those that hold nothing.
const LOGS_MIN: usize = 64;

/// A place in the histories of a plugin's topics: by one count for all of them, so
/// that it still means something for a topic whose history was dropped meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Whose count: that of another node, or of one that was started again, is another.
    epoch: u64,
    sequence: u64,
}

/// What was given is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a position is what came with a message, and not changed")]
pub struct InvalidPosition;

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.epoch, self.sequence)
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (epoch, sequence) = text.split_at_checked(16).ok_or(InvalidPosition)?;
        let number = |digits: &str| {
            let all = digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit());
            let number = all.then(|| u64::from_str_radix(digits, 16).ok()).flatten();
            number.ok_or(InvalidPosition)
        };
        Ok(Self { epoch: number(epoch)?, sequence: number(sequence)? })
    }
}

/// What a new subscriber gets of what was published before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Nothing.
    Now,
    /// The last ones, so many at most.
    Last(u32),
    /// Those behind this position, and word of it where that is not all there was.
    After(Position),
}

/// The histories of a plugin's topics.
#[derive(Debug)]
pub(super) struct History {
    epoch: u64,
    last: AtomicU64,
    /// Whether any topic has a history. Where none has, nothing else is looked at.
    is_kept: AtomicBool,
    rules: RwLock<Rules>,
    logs: DashMap<Arc<str>, Arc<Log>>,
    /// How many of them there are when those that hold nothing are dropped.
    logs_max: AtomicUsize,
    /// What all of them take.
    bytes: Arc<AtomicUsize>,
    bytes_max: AtomicUsize,
    /// When room was last looked for.
    swept: Mutex<Option<Instant>>,
}

/// The history of one topic.
#[derive(Debug)]
pub(super) struct Log {
    rule: Rule,
    /// Held by who publishes, until all subscribers have it: they get it in the order
    /// of its positions. Who subscribes doesn't wait for it.
    pub(super) order: tokio::sync::Mutex<()>,
    kept: Mutex<Kept>,
    /// What all histories take.
    bytes: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Kept {
    entries: VecDeque<Entry>,
    /// Of what came behind this nothing is missing.
    whole_after: u64,
}

#[derive(Debug)]
struct Entry {
    sequence: u64,
    at: Instant,
    publication: Publication,
}

impl Entry {
    fn bytes(&self) -> usize {
        bytes_of(&self.publication)
    }
}

fn bytes_of(publication: &Publication) -> usize {
    ENTRY_BYTES + publication.topic.len() + publication.content.len_bytes()
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the oldest, while `beyond` says so of it and of how many there are.
    fn trim(&self, kept: &mut Kept, beyond: impl Fn(&Entry, usize) -> bool) {
        while let Some(oldest) = kept.entries.front()
            && beyond(oldest, kept.entries.len())
        {
            kept.whole_after = kept.whole_after.max(oldest.sequence);
            self.bytes.fetch_sub(oldest.bytes(), Relaxed);
            kept.entries.pop_front();
        }
    }

    /// Drops what is too old.
    fn trim_old(&self, kept: &mut Kept, now: Instant) {
        self.trim(kept, |oldest, _| self.rule.is_over(oldest.at, now));
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let kept = self.kept.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.bytes.fetch_sub(kept.entries.iter().map(Entry::bytes).sum(), Relaxed);
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new(u64::from_ne_bytes(random()))
    }
}

impl History {
    fn new(epoch: u64) -> Self {
        Self {
            epoch,
            last: AtomicU64::new(0),
            is_kept: AtomicBool::new(false),
            rules: RwLock::default(),
            logs: DashMap::new(),
            logs_max: AtomicUsize::new(LOGS_MIN),
            bytes: Arc::default(),
            bytes_max: AtomicUsize::new(0),
            swept: Mutex::default(),
        }
    }

    /// Goes by the settings of this version of the plugin from now on.
    pub(super) fn configure(&self, tenant: &Tenant) {
        let Tenant { config, history: rules, .. } = tenant;
        self.is_kept.store(!rules.is_empty(), SeqCst);
        self.bytes_max.store(config.history_max_bytes, Relaxed);
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules.clone();
        self.logs.retain(|topic, log| rules.find(topic) == Some(&log.rule));
    }

    /// The history of a topic, if it has one.
    pub(super) fn log(&self, topic: &Arc<str>) -> Option<Arc<Log>> {
        if !self.is_kept.load(SeqCst) {
            return None;
        }
        if let Some(log) = self.logs.get(topic) {
            return Some(log.clone());
        }
        let log = self.begin(topic)?;
        if self.logs.len() >= self.logs_max.load(Relaxed) {
            self.sweep(Instant::now());
        }
        Some(log)
    }

    /// Begins the history of a topic, if it is to have one.
    fn begin(&self, topic: &Arc<str>) -> Option<Arc<Log>> {
        // Held until the log is there: either the rule is still the one, or the log is
        // found by who changes it.
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        let rule = rules.find(topic)?.clone();
        let log = self.logs.entry(topic.clone()).or_insert_with(|| {
            let kept = Kept { entries: VecDeque::new(), whole_after: self.last.load(SeqCst) };
            Arc::new(Log {
                rule,
                order: tokio::sync::Mutex::default(),
                kept: Mutex::new(kept),
                bytes: self.bytes.clone(),
            })
        });
        Some(log.clone())
    }

    /// Adds what is published to a topic's history, and looks who gets it now: who
    /// comes later has it from the history.
    pub(super) fn keep<S>(
        &self,
        log: &Log,
        publication: &Publication,
        subscribers: impl FnOnce() -> S,
        now: Instant,
    ) -> (Position, S) {
        let bytes = bytes_of(publication);
        let bytes_max = self.bytes_max.load(Relaxed);
        if self.bytes.load(Relaxed) + bytes > bytes_max {
            self.make_room(now);
        }
        let mut kept = log.lock();
        let sequence = self.last.fetch_add(1, SeqCst) + 1;
        let count_max = log.rule.count;
        log.trim(&mut kept, |oldest, count| {
            count >= count_max
                || log.rule.is_over(oldest.at, now)
                || self.bytes.load(Relaxed) + bytes > bytes_max
        });
        if self.bytes.fetch_add(bytes, Relaxed) + bytes <= bytes_max {
            kept.entries.push_back(Entry { sequence, at: now, publication: publication.clone() });
        } else {
            // Others' histories take all the room: this one begins anew behind it.
            self.bytes.fetch_sub(bytes, Relaxed);
            kept.whole_after = sequence;
        }
        (Position { epoch: self.epoch, sequence }, subscribers())
    }

    /// Something that belongs into these histories isn't there: none is whole from before
    /// now. That takes a number, so that it lies between what is kept.
    pub(super) fn missed(&self) {
        let sequence = self.last.fetch_add(1, SeqCst) + 1;
        // Those that are made from now on begin behind it.
        for log in &self.logs {
            let mut kept = log.lock();
            kept.whole_after = kept.whole_after.max(sequence);
        }
    }

    /// Gives `subscribe` what a new subscriber to a topic is to get first. Nothing is
    /// published to the topic between the two.
    pub(super) fn past(
        &self,
        topic: &Arc<str>,
        since: Since,
        subscriber: ConnectionId,
        now: Instant,
        subscribe: impl FnOnce(Past),
    ) {
        let gap = matches!(since, Since::After(_)).then(|| Mail::Gap { topic: topic.clone() });
        let mut past = Past { missing: gap.is_some(), gap, ..Past::default() };
        let Some(log) = self.log(topic) else { return subscribe(past) };
        let mut kept = log.lock();
        log.trim_old(&mut kept, now);
        let begin = match since {
            Since::Now => kept.entries.len(),
            Since::Last(count) => kept.entries.len().saturating_sub(count as usize),
            Since::After(Position { epoch, sequence }) => {
                let known = epoch == self.epoch && sequence <= self.last.load(SeqCst);
                let sequence = if known { sequence } else { 0 };
                past.missing = !known || sequence < kept.whole_after;
                kept.entries.partition_point(|entry| entry.sequence <= sequence)
            }
        };
        for Entry { sequence, publication, .. } in kept.entries.range(begin..) {
            let position = Position { epoch: self.epoch, sequence: *sequence };
            match &publication.content {
                _ if publication.leaves_out(subscriber) => {}
                Content::Frame(frame) => past.frames.push(frame.clone()),
                Content::Message(payload) => {
                    past.mail.push(publication.message(payload, Some(position)));
                }
            }
        }
        subscribe(past);
    }

    /// Drops what is too old, if that was not done just now.
    fn make_room(&self, now: Instant) {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.is_some_and(|swept| now < swept + SWEPT_EVERY) {
            return;
        }
        *swept = Some(now);
        drop(swept);
        self.sweep(now);
    }

    /// Drops what is too old, of all topics: else it would be there until its topic is
    /// used again. And the histories that hold nothing then: one begins whenever its
    /// topic is looked at. Not before there are twice as many as are left, so that each
    /// that begins costs the same.
    fn sweep(&self, now: Instant) {
        self.logs.retain(|_, log| {
            let mut kept = log.lock();
            log.trim_old(&mut kept, now);
            // Nobody else has it: they would have taken it from here.
            Arc::strong_count(log) > 1 || !kept.entries.is_empty()
        });
        self.logs_max.store((2 * self.logs.len()).max(LOGS_MIN), Relaxed);
    }
}

#[cfg(test)]
mod tests;
