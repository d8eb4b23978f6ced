//! What a change does to one entry, wherever that is kept.

use std::{str, sync::Arc};

use super::StoreError;
use crate::config::Config;

/// What an entry takes beside its key and value.
const ENTRY_BYTES: u64 = 128;

/// A change of one key's value.
#[derive(Clone, Debug)]
pub enum Change {
    /// Sets it.
    Set(Vec<u8>),
    /// Deletes it.
    Delete,
    /// Sets or deletes it, if it is as expected.
    SetIf {
        /// What is expected; none: there is none.
        expected: Option<Vec<u8>>,
        /// What is set; none: it is deleted.
        value: Option<Vec<u8>>,
    },
    /// Adds to it. It is a number in decimal digits, and 0 where there is none.
    Increment(i64),
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether the value was set, was there to be deleted, or was as expected.
    pub was: bool,
    /// What a number that was added to is now.
    pub number: i64,
}

impl Answer {
    /// Whether it was.
    pub(super) fn was(was: bool) -> Self {
        Self { was, number: 0 }
    }
}

/// What is to be done with an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Keep,
    Put(Vec<u8>),
    Remove,
}

impl Change {
    /// What this change does to an entry that has this value.
    pub(super) fn on(self, current: Option<&[u8]>) -> Result<(Step, Answer), StoreError> {
        Ok(match self {
            Self::Set(value) => (Step::Put(value), Answer::was(true)),
            Self::Delete if current.is_none() => (Step::Keep, Answer::was(false)),
            Self::Delete => (Step::Remove, Answer::was(true)),
            Self::SetIf { expected, .. } if expected.as_deref() != current => {
                (Step::Keep, Answer::was(false))
            }
            Self::SetIf { value: Some(value), .. } => (Step::Put(value), Answer::was(true)),
            Self::SetIf { value: None, .. } => (Step::Remove, Answer::was(true)),
            Self::Increment(by) => {
                let number = number(current)?.checked_add(by).ok_or_else(|| {
                    StoreError::Invalid("the number has no room in 64 bits".to_owned())
                })?;
                (Step::Put(number.to_string().into_bytes()), Answer { was: true, number })
            }
        })
    }
}

fn number(value: Option<&[u8]>) -> Result<i64, StoreError> {
    let Some(value) = value else { return Ok(0) };
    let text = str::from_utf8(value).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| StoreError::Invalid("the value is no number in decimal digits".to_owned()))
}

/// How large a store may get.
#[derive(Clone, Debug)]
pub(super) struct Quota {
    max_bytes: u64,
    setting: Arc<str>,
}

impl Quota {
    /// Of a declared store.
    pub(super) fn declared(name: &str, max_bytes: Option<u64>, config: &Config) -> Self {
        match max_bytes {
            Some(max_bytes) => {
                Self { max_bytes, setting: format!("stores.{name}.max_bytes").into() }
            }
            None => Self::own(config),
        }
    }

    /// Of a plugin's own store.
    pub(super) fn own(config: &Config) -> Self {
        Self { max_bytes: config.key_value_max_bytes, setting: "key_value_max_bytes".into() }
    }

    /// The bytes of a store after this step on one of its entries.
    ///
    /// # Errors
    /// There is no room. What doesn't make it larger always has room.
    pub(super) fn after(
        &self,
        bytes: u64,
        key: &str,
        current: Option<&[u8]>,
        step: &Step,
    ) -> Result<u64, StoreError> {
        let entry = |value: &[u8]| ENTRY_BYTES + (key.len() + value.len()) as u64;
        let before = current.map_or(0, entry);
        let after = match step {
            Step::Keep => before,
            Step::Put(value) => entry(value),
            Step::Remove => 0,
        };
        let total = bytes.saturating_sub(before) + after;
        if after > before && total > self.max_bytes {
            return Err(StoreError::Limit(self.setting.clone()));
        }
        Ok(total)
    }
}
