//! Hibernation: an instance is dropped between two events, and its state kept as
//! a snapshot, from which the next event makes it again. Guests know nothing of it.
//!
//! 1. When a plugin is loaded, its component is [rewritten](rewrite()) so that
//!    the host can reach all of its state; one with state out of reach is
//!    [`Unfit`], and its instances stay awake.
//! 2. The state of a fresh instance is taken, the [`Baseline`]. Making an
//!    instance is repeatable, so every fresh instance has exactly this.
//! 3. To hibernate, the host [reads](save) every global and memory of the instance,
//!    which needs no call into it ([`Reach`]). Only pages that were written are looked
//!    at ([`Scan`]), and only words that differ from the baseline are kept; of a
//!    [`Stack`], what is alive.
//! 4. To restore, a fresh instance is made, or one is taken that another connection had
//!    and whose [`Difference`] to a fresh one is known; the host writes what differs
//!    ([`Load`]). Where the snapshot has nothing, instance and baseline are equal, so the
//!    whole state is as it was.
//!
//! Between two calls there is nothing else: no call is under way, so there are
//! no stacks; tables and segments are as the instance was made. Handles to host
//! resources are in no memory: what becomes of them is the owner's to see to. It can
//! open and drop streams in the guest's table ([`HANDLES`]), and add to a snapshot
//! what it has to know; an instance with other handles it must not hibernate.
//!
//! Knows no sockets, and nothing of what a store holds but its [`Reach`].

mod baseline;
mod batch;
mod diff;
mod dirty;
mod reach;
mod rewrite;
mod slots;
mod snapshot;
mod store;
mod sync;
mod transfer;
mod unfit;
pub(crate) mod varint;

#[cfg(test)]
mod tests;

pub use baseline::{Baseline, Image};
pub use batch::put_batch;
pub use dirty::Scan;
pub use reach::{HasReach, Reach, add_to_linker, batch_room};
pub use rewrite::{
    ACCESSOR, CALLBACKS, HANDLES, HOST, Layout, PRIVATE, Rewritten, STREAMS, Stack, rewrite,
};
pub use slots::{Counts, Slot, Slots};
pub use snapshot::{Damaged, Invalid, PluginId, Snapshot};
pub use store::{Amount, Lost, NoRoom, Settings, SnapshotStore, Spill, Stats, Ticket};
pub use transfer::{Difference, Load, save};
pub use unfit::Unfit;
