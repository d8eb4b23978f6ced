//! The thread that packs the snapshots which stay.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{SharedShelf, Snapshot};

/// How often the thread looks: a snapshot that is taken within a tick or two is not
/// worth packing.
const TICK: Duration = Duration::from_secs(1);

/// What the thread works on.
pub(super) struct Packer {
    shelf: Arc<SharedShelf>,
}

impl Packer {
    /// Starts the thread. The sender tells it that there are snapshots to pack; it
    /// ends when that is dropped.
    pub(super) fn start(shelf: &Arc<SharedShelf>) -> io::Result<SyncSender<()>> {
        let (wanted, receiver) = sync_channel(1);
        let packer = Self { shelf: shelf.clone() };
        thread::Builder::new().name("pack".into()).spawn(move || packer.run(&receiver))?;
        Ok(wanted)
    }

    fn run(&self, wanted: &Receiver<()>) {
        while wanted.recv().is_ok() {
            while self.shelf.lock().has_unpacked() {
                if !is_still_wanted(wanted) {
                    return;
                }
                self.shelf.lock().tick();
                while self.shelf.pack_next() {}
            }
        }
    }
}

impl SharedShelf {
    /// Packs the oldest that is not packed, if it has stayed for long enough. Nobody waits
    /// for it meanwhile.
    pub(super) fn pack_next(&self) -> bool {
        let Some((key, packing)) = self.lock().begin_pack() else { return false };
        let packed = Snapshot::from_bytes((*packing).clone()).pack().into_bytes();
        self.lock().packed(key, &packing, packed);
        true
    }
}

/// Waits for a tick. Returns false if the store is gone.
fn is_still_wanted(wanted: &Receiver<()>) -> bool {
    let end = Instant::now() + TICK;
    loop {
        match wanted.recv_timeout(end.saturating_duration_since(Instant::now())) {
            // The thread looks at the end of the tick in any case.
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}
