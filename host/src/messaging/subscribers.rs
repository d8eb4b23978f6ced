//! The subscribers of one topic or pattern.

use std::sync::Arc;

use super::{ConnectionId, mailbox::Mailbox};

/// How many subscribers a bucket has on average when there are many.
const BUCKET_LEN: usize = 32;

type Bucket = Vec<Arc<Mailbox>>;

/// A set of mailboxes, of which a copy costs nothing: so that those who publish
/// can visit it without a lock, while others come and go.
///
/// In buckets by id, so that a change copies one bucket at most, and the list of
/// buckets, if somebody still visits the set as it was.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscribers {
    buckets: Arc<Vec<Arc<Bucket>>>,
    len: usize,
}

impl Subscribers {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds one; or nothing, if it is there.
    pub(super) fn insert(&mut self, mailbox: Arc<Mailbox>) {
        if self.len >= self.buckets.len() * BUCKET_LEN {
            self.resize((2 * self.buckets.len()).max(1));
        }
        let bucket = self.bucket(mailbox.id);
        if bucket.iter().all(|other| other.id != mailbox.id) {
            bucket.push(mailbox);
            self.len += 1;
        }
    }

    /// Takes one away, if it is there.
    pub(super) fn remove(&mut self, id: ConnectionId) {
        if self.is_empty() {
            return;
        }
        let bucket = self.bucket(id);
        let Some(at) = bucket.iter().position(|mailbox| mailbox.id == id) else { return };
        bucket.swap_remove(at);
        self.len -= 1;
        if self.len < self.buckets.len() * BUCKET_LEN / 4 {
            self.resize(self.buckets.len().div_ceil(2));
        }
    }

    /// All of them, a few at a time.
    pub(super) fn batches(&self) -> impl Iterator<Item = &[Arc<Mailbox>]> {
        self.buckets.iter().map(|bucket| bucket.as_slice())
    }

    fn bucket(&mut self, id: ConnectionId) -> &mut Bucket {
        let buckets = Arc::make_mut(&mut self.buckets);
        let at = id.modulo(buckets.len());
        Arc::make_mut(&mut buckets[at])
    }

    fn resize(&mut self, count: usize) {
        if count == self.buckets.len() {
            return;
        }
        let mut buckets = vec![Bucket::new(); count];
        for mailbox in self.batches().flatten() {
            buckets[mailbox.id.modulo(count)].push(mailbox.clone());
        }
        self.buckets = Arc::new(buckets.into_iter().map(Arc::new).collect());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{config::Config, tenant::Tenant};

    fn ids(subscribers: &Subscribers) -> BTreeSet<ConnectionId> {
        subscribers.batches().flatten().map(|mailbox| mailbox.id).collect()
    }

    #[test]
    fn many_come_and_go() {
        let tenant = Tenant::test(Config::default());
        let mailbox = || Arc::new(Mailbox::new(ConnectionId::random(), tenant.clone(), true));
        let mailboxes: Vec<_> = std::iter::repeat_with(mailbox).take(1000).collect();
        let mut subscribers = Subscribers::default();
        for mailbox in mailboxes.iter().chain(&mailboxes) {
            subscribers.insert(mailbox.clone());
        }
        let all = subscribers.clone();
        assert_eq!(all.len(), 1000);
        for (gone, mailbox) in mailboxes.iter().enumerate() {
            assert_eq!(subscribers.len(), 1000 - gone);
            subscribers.remove(mailbox.id);
            subscribers.remove(mailbox.id);
        }
        assert!(subscribers.is_empty() && ids(&subscribers).is_empty());
        assert_eq!(subscribers.buckets.len(), 1);
        // Who visits it meanwhile sees it as it was.
        assert_eq!(ids(&all), mailboxes.iter().map(|mailbox| mailbox.id).collect());
    }
}
