//! What waits to be sent.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use async_nats::{Client, HeaderMap, connection::State};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::counts::Counts;

/// What it takes to keep a message, beside what it says.
pub(super) const OVERHEAD_BYTES: usize = 512;

/// The way of one plugin to NATS, which never waits: what has no room, or nowhere to go,
/// is dropped and counted.
///
/// What all nodes are told goes first, and what is told or published in its order: so
/// nobody takes this node for dead because its connections have much to say.
#[derive(Debug)]
pub(super) struct Outbox {
    client: Client,
    /// What all nodes are told.
    pub(super) said: Queue,
    /// What one is told, and what is published.
    pub(super) sent: Queue,
    counts: Arc<Counts>,
}

/// Some of what waits.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: mpsc::UnboundedSender<Waiting>,
    room: Arc<Semaphore>,
    bytes_max: u32,
}

/// A message to a subject.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) subject: String,
    pub(super) headers: Option<HeaderMap>,
    pub(super) payload: Bytes,
}

/// With the room that it takes, which is given back with it.
#[derive(Debug)]
struct Waiting(Parcel, Option<OwnedSemaphorePermit>);

impl Outbox {
    /// With room for so many bytes, in both queues.
    pub(super) fn new(client: Client, bytes_max: u32, counts: Arc<Counts>) -> Self {
        let (said, waiting_said) = Queue::new(bytes_max);
        let (sent, waiting_sent) = Queue::new(bytes_max);
        tokio::spawn(write(client.clone(), waiting_said, waiting_sent, counts.clone()));
        Self { client, said, sent, counts }
    }

    /// Tells all nodes. False: it is dropped.
    pub(super) fn say(&self, parcel: Parcel) -> bool {
        self.put(|| self.said.put(parcel))
    }

    /// Tells all nodes that this one is there, for which there is always room: it is
    /// said once a second, and when a node comes.
    pub(super) fn say_here(&self, parcel: Parcel) -> bool {
        self.put(|| self.said.add(Waiting(parcel, None)))
    }

    /// Tells one node, or publishes. False: it is dropped.
    pub(super) fn send(&self, parcel: Parcel) -> bool {
        self.put(|| self.sent.put(parcel))
    }

    fn put(&self, put: impl FnOnce() -> Option<()>) -> bool {
        let is_put = is_connected(&self.client) && put().is_some();
        is_put || self.count_unsent()
    }

    /// Counts a message that is not sent. False, as that is so.
    pub(super) fn count_unsent(&self) -> bool {
        self.counts.unsent.fetch_add(1, Relaxed);
        false
    }

    /// Waits until all that waits is with the server.
    pub(super) async fn flush(&self) {
        self.said.has_room(usize::MAX).await;
        self.sent.has_room(usize::MAX).await;
        // Fails where the connection has ended for good, which it doesn't.
        let _ = self.client.flush().await;
    }
}

impl Queue {
    fn new(bytes_max: u32) -> (Self, mpsc::UnboundedReceiver<Waiting>) {
        let (waiting, taken) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(bytes_max as usize));
        (Self { waiting, room, bytes_max }, taken)
    }

    fn put(&self, parcel: Parcel) -> Option<()> {
        let bytes = self.at_most(parcel.payload.len() + parcel.subject.len() + OVERHEAD_BYTES);
        let room = self.room.clone().try_acquire_many_owned(bytes).ok()?;
        self.add(Waiting(parcel, Some(room)))
    }

    fn add(&self, waiting: Waiting) -> Option<()> {
        self.waiting.send(waiting).ok()
    }

    /// What is longer than all the room takes all of it.
    fn at_most(&self, bytes: usize) -> u32 {
        u32::try_from(bytes).unwrap_or(u32::MAX).min(self.bytes_max)
    }

    /// Waits until there is room for so many bytes, or as many as ever.
    pub(super) async fn has_room(&self, bytes: usize) {
        // It is never closed.
        let _ = self.room.acquire_many(self.at_most(bytes)).await;
    }
}

pub(super) fn is_connected(client: &Client) -> bool {
    client.connection_state() == State::Connected
}

/// Gives everything to the client. It waits while there is no connection, and what
/// comes meanwhile is dropped before it gets here.
async fn write(
    client: Client,
    mut said: mpsc::UnboundedReceiver<Waiting>,
    mut sent: mpsc::UnboundedReceiver<Waiting>,
    counts: Arc<Counts>,
) {
    loop {
        let Waiting(Parcel { subject, headers, payload }, _room) = tokio::select! {
            biased;
            Some(waiting) = said.recv() => waiting,
            Some(waiting) = sent.recv() => waiting,
            else => return,
        };
        let len = payload.len();
        let published = match headers {
            Some(headers) => client.publish_with_headers(subject, headers, payload).await,
            None => client.publish(subject, payload).await,
        };
        match published {
            Ok(()) => _ = counts.sent.fetch_add(1, Relaxed),
            Err(error) => {
                counts.unsent.fetch_add(1, Relaxed);
                if let Some(others) = counts.unsent_said.say() {
                    tracing::warn!(
                        others,
                        "{len} bytes could not be sent to other nodes: {error} (the server's \
                         max_payload is {})",
                        client.max_payload()
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel() -> Parcel {
        Parcel { subject: "s".into(), headers: None, payload: Bytes::from_static(&[0; 99]) }
    }

    #[tokio::test]
    async fn a_queue_that_is_full_has_room_for_heartbeats() {
        let room = u32::try_from(10 * (100 + OVERHEAD_BYTES)).unwrap();
        let (queue, mut waiting) = Queue::new(room);
        let fill = || std::iter::from_fn(|| queue.put(parcel())).count();
        assert_eq!(fill(), 10);
        assert!(queue.add(Waiting(parcel(), None)).is_some());
        for _ in 0..11 {
            assert!(waiting.recv().await.is_some());
        }
        queue.has_room(usize::MAX).await;
        assert_eq!(fill(), 10);
    }

    #[tokio::test]
    async fn what_is_longer_than_all_the_room_takes_all_of_it() {
        let (queue, mut waiting) = Queue::new(1);
        assert!(queue.put(parcel()).is_some() && queue.put(parcel()).is_none());
        drop(waiting.recv().await);
        assert!(queue.put(parcel()).is_some());
    }
}
