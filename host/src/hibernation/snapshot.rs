//! A snapshot as it is kept: a head, and the body, packed if it stays.
//!
//! ```text
//! version  packing  plugin  checksum  length      body
//! 1 byte   1 byte   8       4         if lz4: 4   the rest
//! ```
//!
//! A snapshot is taken as it is, without a checksum, because most handlers that
//! sleep wake again soon. It is [packed](Snapshot::pack) when it has stayed for a
//! while, and before it leaves the process's memory.

use std::cell::RefCell;

use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size,
};
use thiserror::Error;

/// A plugin, by the first bytes of the SHA-256 of its code.
pub type PluginId = [u8; 8];

/// The layout described above, and that of the body.
const VERSION: u8 = 3;
const RAW: u8 = 0;
const LZ4: u8 = 1;
/// Not packed yet: the checksum is missing.
const NEW: u8 = 2;
const PLUGIN: usize = 2;
const CHECKSUM: usize = 10;
const HEAD: usize = 14;
const LENGTH: usize = 4;
/// A longer body is packed: the echo handler's goes from 1,450 bytes to 814, in
/// 1.5 µs, and back in 0.6. A shorter one has little to gain.
const RAW_MAX: usize = 256;

/// The state of an instance that sleeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(Box<[u8]>);

/// Bytes that are no snapshot of this plugin's.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Invalid {
    /// Made by another version of the host.
    #[error("the snapshot is of version {0}, and this host reads version {VERSION}")]
    Version(u8),
    /// Made of another plugin.
    #[error("the snapshot is of another plugin")]
    Plugin,
    /// Changed, or cut off.
    #[error(transparent)]
    Damaged(#[from] Damaged),
}

/// Bytes were changed, or cut off.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the snapshot is damaged: {0} makes no sense")]
pub struct Damaged(pub(crate) &'static str);

thread_local! {
    /// What packing needs, kept between snapshots: making it takes longer than using it.
    static PACKER: RefCell<(CompressTable, Vec<u8>)> = RefCell::default();
}

impl Snapshot {
    /// Takes back bytes that the [store](super::SnapshotStore) kept. They are checked
    /// when they are used.
    #[must_use]
    pub fn from_bytes(bytes: Box<[u8]>) -> Self {
        Self(bytes)
    }

    /// The bytes, to be kept by the store.
    #[must_use]
    pub fn into_bytes(self) -> Box<[u8]> {
        self.0
    }

    /// Whether it has no checksum yet: it must not leave the process's memory so.
    #[must_use]
    pub(super) fn is_new(bytes: &[u8]) -> bool {
        bytes.len() >= HEAD && bytes[1] == NEW
    }

    /// How many bytes it takes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.0.len()
    }

    /// A snapshot with this body, as it is.
    pub(super) fn new(plugin: PluginId, body: &[u8]) -> Self {
        Self::with_head(NEW, plugin, &[], body)
    }

    /// Packs it, unless it is packed already.
    #[must_use]
    pub fn pack(mut self) -> Self {
        if !Self::is_new(&self.0) {
            return self;
        }
        let (head, body) = self.0.split_at(HEAD);
        let mut plugin = PluginId::default();
        plugin.copy_from_slice(&head[PLUGIN..CHECKSUM]);
        if let Some(mut packed) = pack_lz4(plugin, body) {
            packed.seal();
            return packed;
        }
        self.0[1] = RAW;
        self.seal();
        self
    }

    fn with_head(packing: u8, plugin: PluginId, length: &[u8], body: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(HEAD + length.len() + body.len());
        bytes.extend([VERSION, packing]);
        bytes.extend(plugin);
        bytes.extend([0; HEAD - CHECKSUM]);
        bytes.extend(length);
        bytes.extend(body);
        Self(bytes.into())
    }

    fn seal(&mut self) {
        let checksum = checksum(&self.0);
        self.0[CHECKSUM..HEAD].copy_from_slice(&checksum);
    }

    /// Checks everything, and appends the body to `out`, at most `max` bytes.
    pub(super) fn unpack(
        &self,
        plugin: PluginId,
        max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Invalid> {
        let bytes = &*self.0;
        let Some((head, body)) = bytes.split_at_checked(HEAD) else {
            return Err(Damaged("its length").into());
        };
        if head[0] != VERSION {
            return Err(Invalid::Version(head[0]));
        }
        if head[1] != NEW && head[CHECKSUM..] != checksum(bytes) {
            return Err(Damaged("its checksum").into());
        }
        if head[PLUGIN..CHECKSUM] != plugin {
            return Err(Invalid::Plugin);
        }
        match head[1] {
            RAW | NEW if body.len() <= max => out.extend_from_slice(body),
            LZ4 => unpack_lz4(body, max, out)?,
            _ => return Err(Damaged("its packing").into()),
        }
        Ok(())
    }
}

/// Returns `None` if the body is short, or doesn't get shorter.
fn pack_lz4(plugin: PluginId, body: &[u8]) -> Option<Snapshot> {
    if body.len() <= RAW_MAX {
        return None;
    }
    let length = u32::try_from(body.len()).ok()?.to_le_bytes();
    PACKER.with_borrow_mut(|(table, packed)| {
        packed.resize(get_maximum_output_size(body.len()), 0);
        let len = compress_into_with_table(body, packed, table).ok()?;
        (len + LENGTH < body.len())
            .then(|| Snapshot::with_head(LZ4, plugin, &length, &packed[..len]))
    })
}

fn unpack_lz4(body: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), Damaged> {
    let (length, packed) = body.split_first_chunk().ok_or(Damaged("its length"))?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > max {
        return Err(Damaged("its length"));
    }
    let start = out.len();
    out.resize(start + length, 0);
    match decompress_into(packed, &mut out[start..]) {
        Ok(unpacked) if unpacked == length => Ok(()),
        _ => Err(Damaged("its body")),
    }
}

/// CRC-32 of everything but itself.
fn checksum(bytes: &[u8]) -> [u8; HEAD - CHECKSUM] {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes[..CHECKSUM]);
    crc.update(&bytes[HEAD..]);
    crc.finalize().to_le_bytes()
}
