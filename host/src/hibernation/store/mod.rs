//! Where the snapshots of sleeping connections are.
//!
//! ```text
//! put → memory ──(above the budget: oldest first)──→ spill file
//!          └──────────── take ← Ticket → take ──────────┘
//! ```
//!
//! A snapshot is put once and taken once, so the coldest is the one that was put
//! first. One thread packs those that stay, and another moves the oldest to a file;
//! `put` and `take` don't wait for them, only a snapshot that is in the file is
//! waited for.
//!
//! Beside its bytes a snapshot costs 32 bytes here, and 16 for its ticket.

mod blocks;
mod file;
mod packer;
mod shelf;
mod spiller;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc::SyncSender},
};

use anyhow::{Context as _, ensure};
use thiserror::Error;

use self::{
    file::{SpillFile, Spilled},
    packer::Packer,
    shelf::{Entry, Shelf},
    spiller::Spiller,
};
use super::Snapshot;
use crate::observe::Seldom;

/// How much is kept, and where.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many bytes of snapshots are in memory at most. Past that none is taken.
    pub memory_max_bytes: u64,
    /// The file for what is too much for memory; without one, nothing is moved.
    pub spill: Option<Spill>,
}

/// A file for the coldest snapshots.
#[derive(Clone, Debug)]
pub struct Spill {
    /// The directory it is made in. It has no name there.
    pub directory: PathBuf,
    /// Above this many bytes of snapshots in memory the oldest go to the file.
    pub above_bytes: u64,
    /// How large the file may get. It doesn't shrink.
    pub max_bytes: u64,
}

/// How many there are, and what they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Snapshots.
    pub snapshots: usize,
    /// Bytes: in memory, theirs; in the file, of the blocks they are in.
    pub bytes: u64,
}

/// What is kept now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// In memory.
    pub memory: Amount,
    /// In the spill file.
    pub disk: Amount,
}

/// There is no room for a snapshot; here it is back.
#[derive(Debug, Error)]
#[error("no room in memory for a snapshot of {} bytes", .0.len())]
pub struct NoRoom(pub Box<[u8]>);

/// A snapshot could not be read back from the spill file, and is lost.
#[derive(Debug, Error)]
#[error("its snapshot can't be read back from the spill file: {0}")]
pub struct Lost(#[from] io::Error);

/// Where snapshots are kept.
#[derive(Debug)]
pub struct SnapshotStore {
    memory_max_bytes: u64,
    spill: Option<Spilling>,
    /// Tells the thread that packs snapshots that there are some; it ends when this
    /// is dropped.
    unpacked: SyncSender<()>,
    shelf: Arc<SharedShelf>,
    refused: Seldom,
}

#[derive(Debug)]
struct Spilling {
    above_bytes: u64,
    /// Tells the thread that moves snapshots that there are some to move; it
    /// ends when this is dropped.
    wanted: SyncSender<()>,
}

/// One lock for all: it is held for some ten nanoseconds, twice in each sleep.
#[derive(Debug)]
struct SharedShelf(Mutex<Shelf>);

impl SharedShelf {
    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// The bytes, if they are in memory.
    fn into_bytes(self) -> Result<Box<[u8]>, Spilled> {
        match self {
            Self::Held(bytes, _) => Ok(bytes),
            Self::Packing(bytes, _) | Self::Moving(bytes) => Ok(Arc::unwrap_or_clone(bytes)),
            Self::Spilled(spilled) => Err(spilled),
        }
    }
}

impl SnapshotStore {
    /// An empty one. Its threads end with it.
    ///
    /// # Errors
    /// The file or a thread can't be made.
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        let Settings { memory_max_bytes, spill } = settings;
        let shelf = Arc::new(SharedShelf(Mutex::new(Shelf::new())));
        let spill =
            spill.map(|spill| Spilling::start(&shelf, &spill, memory_max_bytes)).transpose()?;
        let unpacked =
            Packer::start(&shelf).context("can't start the thread that packs snapshots")?;
        Ok(Self { memory_max_bytes, spill, unpacked, shelf, refused: Seldom::default() })
    }

    /// Keeps a snapshot until its ticket is used or dropped.
    ///
    /// # Errors
    /// Those in memory would take more than `memory_max_bytes`. The snapshot is
    /// given back, and it is logged, seldom.
    pub fn put(&self, mut snapshot: Box<[u8]>) -> Result<Ticket, NoRoom> {
        let mut shelf = self.shelf.lock();
        if shelf.stats().memory.bytes > self.memory_max_bytes / 2 {
            drop(shelf);
            snapshot = Snapshot::from_bytes(snapshot).pack().into_bytes();
            shelf = self.shelf.lock();
        }
        let had_unpacked = shelf.has_unpacked();
        let put = shelf.put(snapshot, self.memory_max_bytes);
        let stats = shelf.stats();
        drop(shelf);
        let key = put.map_err(|snapshot| self.refuse(snapshot, stats))?;
        if !had_unpacked {
            // Full: the packer was told already, and has not begun to look.
            let _ = self.unpacked.try_send(());
        }
        if let Some(spill) = &self.spill
            && stats.memory.bytes > spill.above_bytes
        {
            // Full: it was told already, and has not begun to look.
            let _ = spill.wanted.try_send(());
        }
        Ok(Ticket { shelf: Some(self.shelf.clone()), key })
    }

    fn refuse(&self, snapshot: Box<[u8]>, stats: Stats) -> NoRoom {
        if let Some(others) = self.refused.say() {
            tracing::warn!(
                snapshots = stats.memory.snapshots,
                bytes = stats.memory.bytes,
                max_bytes = self.memory_max_bytes,
                others,
                "no room in memory for more snapshots: connections stay awake"
            );
        }
        NoRoom(snapshot)
    }

    /// What is kept now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shelf.lock().stats()
    }
}

impl Spilling {
    fn start(
        shelf: &Arc<SharedShelf>,
        spill: &Spill,
        memory_max_bytes: u64,
    ) -> anyhow::Result<Self> {
        let Spill { directory, above_bytes, max_bytes } = spill;
        ensure!(
            *above_bytes < memory_max_bytes,
            "spill_above_bytes={above_bytes} is not below snapshots_max_bytes={memory_max_bytes}, so \
             that nothing would ever be spilled: lower the first, or raise the second"
        );
        let file = SpillFile::create(directory, *max_bytes).with_context(|| {
            format!("can't make a file for snapshots in {}", directory.display())
        })?;
        let spiller = Spiller { shelf: shelf.clone(), file, above_bytes: *above_bytes };
        let (wanted, _) =
            spiller.start().context("can't start the thread that spills snapshots")?;
        Ok(Self { above_bytes: *above_bytes, wanted })
    }
}

/// The right to a snapshot. Dropping it drops the snapshot.
#[derive(Debug)]
pub struct Ticket {
    /// None when it was used.
    shelf: Option<Arc<SharedShelf>>,
    key: u32,
}

impl Ticket {
    /// What the snapshot takes: in the file, its block.
    #[must_use]
    pub fn len_bytes(&self) -> u64 {
        self.shelf.as_ref().map_or(0, |shelf| shelf.lock().len_bytes(self.key))
    }

    /// Takes the snapshot back. From memory it is there at once; from the file
    /// it is read on a thread for blocking work. When this is dropped half-way,
    /// the snapshot is gone.
    ///
    /// # Errors
    /// It could not be read.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn take(mut self) -> Result<Box<[u8]>, Lost> {
        let Some(removed) = self.remove() else { unreachable!("a ticket is used once") };
        let spilled = match removed.into_bytes() {
            Ok(bytes) => return Ok(bytes),
            Err(spilled) => spilled,
        };
        let read = tokio::task::spawn_blocking(move || spilled.read()).await;
        let bytes = read.map_err(io::Error::other)??;
        if Snapshot::is_new(&bytes) {
            return Err(io::Error::from(io::ErrorKind::InvalidData).into());
        }
        Ok(bytes)
    }

    /// Takes the snapshot back if it is in memory.
    pub fn take_at_once(&mut self) -> Option<Box<[u8]>> {
        let mut shelf = self.shelf.as_ref()?.lock();
        let removed = shelf.is_in_memory(self.key).then(|| shelf.remove(self.key))?;
        drop(shelf);
        self.shelf = None;
        removed.into_bytes().ok()
    }

    fn remove(&mut self) -> Option<Entry> {
        let shelf = self.shelf.take()?;
        let entry = shelf.lock().remove(self.key);
        Some(entry)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.remove();
    }
}
