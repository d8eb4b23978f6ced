//! The thread that moves the oldest snapshots to the file.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{SharedShelf, file::SpillFile, shelf::Moving};

/// How long nothing is moved after the disk refused something, and so how often
/// that is logged.
const RETRY: Duration = Duration::from_secs(1);

/// What the thread works on.
pub(super) struct Spiller {
    /// What is kept.
    pub(super) shelf: Arc<SharedShelf>,
    /// Where the oldest go.
    pub(super) file: Arc<SpillFile>,
    /// How many bytes may stay in memory.
    pub(super) above_bytes: u64,
}

impl Spiller {
    /// Starts the thread. What is returned tells it to look; it ends when that
    /// is dropped.
    pub(super) fn start(self) -> io::Result<(SyncSender<()>, JoinHandle<()>)> {
        let (wanted, receiver) = sync_channel(1);
        let run = move || self.run(&receiver);
        let thread = thread::Builder::new().name("spill".into()).spawn(run)?;
        Ok((wanted, thread))
    }

    fn run(&self, wanted: &Receiver<()>) {
        while wanted.recv().is_ok() {
            if let Err(error) = self.spill() {
                let stats = self.shelf.lock().stats();
                tracing::warn!(
                    snapshots = stats.disk.snapshots,
                    bytes = stats.disk.bytes,
                    "can't spill snapshots, so they stay in memory: {error}"
                );
                thread::sleep(RETRY);
            }
        }
    }

    /// Moves snapshots until those in memory are within the budget.
    pub(super) fn spill(&self) -> io::Result<()> {
        while let Some((key, moving)) = self.next() {
            let written = self.file.write(&moving);
            let mut shelf = self.shelf.lock();
            let spilled = match written {
                Ok(spilled) => spilled,
                Err(error) => {
                    shelf.not_moved(key, moving);
                    return Err(error);
                }
            };
            let unwanted = shelf.moved(key, &moving, spilled);
            // What is freed is freed without the lock.
            drop(shelf);
            drop(unwanted);
        }
        Ok(())
    }

    fn next(&self) -> Option<(u32, Moving)> {
        self.shelf.lock().begin_move(self.above_bytes)
    }
}
