//! What waits to be sent.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use async_nats::{Client, HeaderMap, connection::State};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::counts::Counts;

/// What it takes to keep a message, beside what it says.
const OVERHEAD_BYTES: usize = 256;

/// A queue to NATS that never waits: what has no room, or nowhere to go, is dropped and
/// counted. What is sent goes out in order.
#[derive(Debug)]
pub(super) struct Outbox {
    client: Client,
    queue: mpsc::Sender<Parcel>,
    room: Arc<Semaphore>,
    bytes_max: u32,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Parcel {
    subject: String,
    headers: Option<HeaderMap>,
    payload: Bytes,
    /// Given back with it.
    _room: OwnedSemaphorePermit,
}

impl Outbox {
    /// With room for so many, and so many bytes.
    pub(super) fn new(client: Client, max: usize, bytes_max: u32, counts: Arc<Counts>) -> Self {
        let (queue, waiting) = mpsc::channel(max);
        tokio::spawn(write(client.clone(), waiting, counts.clone()));
        let room = Arc::new(Semaphore::new(bytes_max as usize));
        Self { client, queue, room, bytes_max, counts }
    }

    pub(super) fn is_connected(&self) -> bool {
        is_connected(&self.client)
    }

    /// Sends.
    pub(super) fn send(&self, subject: String, headers: Option<HeaderMap>, payload: Bytes) {
        if !self.is_connected() || self.put(subject, headers, payload).is_none() {
            self.counts.unsent.fetch_add(1, Relaxed);
        }
    }

    fn put(&self, subject: String, headers: Option<HeaderMap>, payload: Bytes) -> Option<()> {
        let bytes = u32::try_from(payload.len() + subject.len() + OVERHEAD_BYTES).ok()?;
        let room = self.room.clone().try_acquire_many_owned(bytes).ok()?;
        self.queue.try_send(Parcel { subject, headers, payload, _room: room }).ok()
    }

    /// Waits until there is room for so many bytes, or as many as ever.
    pub(super) async fn has_room(&self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.bytes_max);
        // It is never closed.
        let _ = self.room.acquire_many(bytes).await;
    }

    /// Waits until all that waits is with the server.
    pub(super) async fn flush(&self) {
        self.has_room(usize::MAX).await;
        // Fails where the connection has ended for good, which it doesn't.
        let _ = self.client.flush().await;
    }
}

fn is_connected(client: &Client) -> bool {
    client.connection_state() == State::Connected
}

/// Gives everything to the client. It waits while there is no connection, and what
/// comes meanwhile is dropped before it gets here.
async fn write(client: Client, mut waiting: mpsc::Receiver<Parcel>, counts: Arc<Counts>) {
    while let Some(Parcel { subject, headers, payload, _room }) = waiting.recv().await {
        let len = payload.len();
        let sent = match headers {
            Some(headers) => client.publish_with_headers(subject, headers, payload).await,
            None => client.publish(subject, payload).await,
        };
        match sent {
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
