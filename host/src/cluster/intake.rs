//! What has come and waits to be taken.

use std::sync::Arc;

use async_nats::Message;
use bytes::Bytes;
use futures_util::{
    Stream, StreamExt as _,
    stream::{PollNext, select_with_strategy},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
};

use super::{counts::Counts, outbox::OVERHEAD_BYTES};

/// A payload up to this length is copied: as it came it is a part of what was read, of
/// 64 KiB mostly, which it would keep.
const COPIED_MAX_BYTES: usize = 32 * 1024;

/// Two subscriptions. What comes is taken from the client at once, as its queues know no
/// bytes: what waits here is bounded by bytes, for each of the two. Of the first all is
/// taken before any of the second; each is in order.
#[derive(Debug)]
pub(super) struct Intake {
    waiting: mpsc::UnboundedReceiver<Waiting>,
    /// Ends with this.
    _taking: JoinSet<()>,
}

/// What came.
#[derive(Debug)]
pub(super) enum Came {
    /// To the first subscription.
    First(Message),
    /// To the second.
    Second(Message),
    /// Something that had no room is lost: some, until there was room again.
    Lost,
}

const KINDS: [fn(Message) -> Came; 2] = [Came::First, Came::Second];

/// With the room that it takes, which is given back with it.
#[derive(Debug)]
struct Waiting(Came, Option<OwnedSemaphorePermit>);

impl Intake {
    pub(super) fn new(
        first: impl Stream<Item = Message> + Send + Unpin + 'static,
        second: impl Stream<Item = Message> + Send + Unpin + 'static,
        bytes_max: u32,
        counts: Arc<Counts>,
    ) -> Self {
        let (taken, waiting) = mpsc::unbounded_channel();
        let mut taking = JoinSet::new();
        taking.spawn(take(first, second, bytes_max, counts, taken));
        Self { waiting, _taking: taking }
    }

    /// The next. None: the client has ended.
    pub(super) async fn next(&mut self) -> Option<Came> {
        self.waiting.recv().await.map(|Waiting(came, _)| came)
    }
}

async fn take(
    first: impl Stream<Item = Message> + Unpin,
    second: impl Stream<Item = Message> + Unpin,
    bytes_max: u32,
    counts: Arc<Counts>,
    taken: mpsc::UnboundedSender<Waiting>,
) {
    let room = || Arc::new(Semaphore::new(bytes_max as usize));
    let rooms = [room(), room()];
    let mut both = select_with_strategy(
        first.map(|message| (0, message)),
        second.map(|message| (1, message)),
        |(): &mut ()| PollNext::Left,
    );
    let mut is_losing = false;
    while let Some((which, message)) = both.next().await {
        let bytes = u32::try_from(message.length + OVERHEAD_BYTES).unwrap_or(u32::MAX);
        let room = rooms[which].clone().try_acquire_many_owned(bytes.min(bytes_max));
        let waiting = if let Ok(room) = room {
            Waiting(KINDS[which](copied(message)), Some(room))
        } else {
            counts.say_unread("cluster_receive_max_bytes");
            if is_losing {
                continue;
            }
            Waiting(Came::Lost, None)
        };
        is_losing = waiting.1.is_none();
        if taken.send(waiting).is_err() {
            return;
        }
    }
}

fn copied(message: Message) -> Message {
    let is_small = message.payload.len() < COPIED_MAX_BYTES;
    let payload = if is_small { Bytes::copy_from_slice(&message.payload) } else { message.payload };
    Message { payload, ..message }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use futures_util::stream;

    use super::*;

    const LEN: usize = 100;

    fn message(payload: Bytes) -> Message {
        Message {
            subject: "s".into(),
            reply: None,
            length: payload.len(),
            payload,
            headers: None,
            status: None,
            description: None,
        }
    }

    fn messages(count: usize) -> impl Stream<Item = Message> + Send + Unpin + 'static {
        stream::iter(vec![message(Bytes::from_static(&[0; LEN])); count])
    }

    #[tokio::test]
    async fn what_waits_is_bounded_for_each_of_the_two() {
        let counts = Arc::<Counts>::default();
        let room = u32::try_from(3 * (LEN + OVERHEAD_BYTES)).unwrap();
        let mut intake = Intake::new(messages(5), messages(3), room, counts.clone());
        let mut came = String::new();
        while let Some(next) = intake.next().await {
            came.push(match next {
                Came::First(_) => '1',
                Came::Second(_) => '2',
                Came::Lost => '-',
            });
        }
        assert_eq!(came, "111-222");
        assert_eq!(counts.unread.load(Relaxed), 2);
    }

    #[test]
    fn small_payloads_are_copied() {
        let keeps = |len| {
            let read = Bytes::from(vec![0; len + 1]);
            let payload = read.slice(1..);
            let before = payload.as_ptr();
            copied(message(payload)).payload.as_ptr() == before
        };
        assert!(!keeps(COPIED_MAX_BYTES - 1) && keeps(COPIED_MAX_BYTES));
    }
}
