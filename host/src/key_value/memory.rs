//! A store in memory. It ends with the process.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{PoisonError, RwLock},
};

use super::{
    Listing, StoreError,
    change::{Answer, Change, Quota, Step},
};

/// See the module.
#[derive(Debug)]
pub struct Memory {
    quota: Quota,
    entries: RwLock<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    values: BTreeMap<Box<str>, Box<[u8]>>,
    bytes: u64,
}

impl Memory {
    pub(super) fn new(quota: Quota) -> Self {
        Self { quota, entries: RwLock::default() }
    }

    pub(super) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.values.get(key).map(|value| value.to_vec())
    }

    pub(super) fn change(&self, key: String, change: Change) -> Result<Answer, StoreError> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let current = entries.values.get(&*key).map(|value| &**value);
        let (step, answer) = change.on(current)?;
        let bytes = self.quota.after(entries.bytes, &key, current, &step)?;
        match step {
            Step::Keep => {}
            Step::Put(value) => {
                entries.values.insert(key.into(), value.into());
            }
            Step::Remove => {
                entries.values.remove(&*key);
            }
        }
        entries.bytes = bytes;
        Ok(answer)
    }

    pub(super) fn keys(&self, listing: &Listing) -> Vec<String> {
        let Listing { prefix, after, limit } = listing;
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(&**after),
            _ => Bound::Included(&**prefix),
        };
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let keys = entries.values.range::<str, _>((from, Bound::Unbounded)).map(|(key, _)| &**key);
        keys.take_while(|key| key.starts_with(prefix)).take(*limit).map(str::to_owned).collect()
    }
}
