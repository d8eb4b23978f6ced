//! Key-value stores, of which a connection under test has all there can be.

use std::collections::BTreeMap;

use super::host::ask;
use crate::Error;

/// The stores' entries, by their names.
pub(crate) type Stores = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// The entries of a store, to read or to change.
fn entries<R>(
    store: &str,
    question: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> Result<R, Error>,
) -> Result<R, Error> {
    ask(|host| question(host.stores.entry(store.to_owned()).or_default()))
}

/// Those of a store, if the key may stand in it.
fn with<R>(
    store: &str,
    key: &str,
    question: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> Result<R, Error>,
) -> Result<R, Error> {
    if key.is_empty() {
        return Err(Error::Invalid("a key is not empty".to_owned()));
    }
    entries(store, question)
}

pub(crate) fn get(store: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
    with(store, key, |entries| Ok(entries.get(key).cloned()))
}

pub(crate) fn set(store: &str, key: &str, value: &[u8]) -> Result<(), Error> {
    with(store, key, |entries| {
        entries.insert(key.to_owned(), value.to_vec());
        Ok(())
    })
}

pub(crate) fn delete(store: &str, key: &str) -> Result<bool, Error> {
    with(store, key, |entries| Ok(entries.remove(key).is_some()))
}

pub(crate) fn set_if(
    store: &str,
    key: &str,
    expected: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Result<bool, Error> {
    with(store, key, |entries| {
        let is_expected = entries.get(key).map(Vec::as_slice) == expected;
        match value {
            _ if !is_expected => {}
            Some(value) => _ = entries.insert(key.to_owned(), value.to_vec()),
            None => _ = entries.remove(key),
        }
        Ok(is_expected)
    })
}

pub(crate) fn increment(store: &str, key: &str, by: i64) -> Result<i64, Error> {
    with(store, key, |entries| {
        let number = match entries.get(key) {
            None => Some(0),
            Some(value) => str::from_utf8(value).ok().and_then(|text| text.parse().ok()),
        };
        let number: i64 = number
            .ok_or_else(|| Error::Invalid("the value is no number in decimal digits".to_owned()))?;
        let number = number
            .checked_add(by)
            .ok_or_else(|| Error::Invalid("the number has no room in 64 bits".to_owned()))?;
        entries.insert(key.to_owned(), number.to_string().into_bytes());
        Ok(number)
    })
}

pub(crate) fn list_keys(
    store: &str,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, Error> {
    entries(store, |entries| {
        let keys = entries.keys().filter(|key| key.starts_with(prefix));
        let behind = keys.filter(|key| after.is_none_or(|after| key.as_str() > after));
        Ok(behind.take(limit as usize).cloned().collect())
    })
}
