//! Lists that the host gives in parts.

use std::vec;

use crate::Error;

/// How many items are fetched at once.
const PART: u32 = 100;

/// What was fetched of a list of `T`, which is in the order of its `K`. It ends with
/// the first error.
#[derive(Debug)]
pub(crate) struct Parts<T, K> {
    at_hand: vec::IntoIter<T>,
    /// The last one so far.
    after: Option<K>,
    ended: bool,
}

impl<T, K> Parts<T, K> {
    /// Of a list of which nothing was fetched yet.
    pub(crate) fn new() -> Self {
        Self { at_hand: Vec::new().into_iter(), after: None, ended: false }
    }

    /// The next item. `fetch` gets so many of those behind a key.
    pub(crate) fn next(
        &mut self,
        fetch: impl FnOnce(Option<&K>, u32) -> Result<Vec<T>, Error>,
        key: impl FnOnce(&T) -> K,
    ) -> Option<Result<T, Error>> {
        if self.at_hand.len() == 0 && !self.ended {
            match fetch(self.after.as_ref(), PART) {
                Ok(part) => {
                    self.ended = part.is_empty();
                    self.after = part.last().map(key);
                    self.at_hand = part.into_iter();
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        self.at_hand.next().map(Ok)
    }
}
