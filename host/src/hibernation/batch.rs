//! A batch of frames, written for the guest ([`Layout::batches`](super::Layout)).

/// Bytes of a number, and of what stands before the first frame.
const NUMBER: usize = size_of::<u32>();
const HEAD: usize = 2 * NUMBER;

/// Writes a batch into the [room](super::batch_room) that there is for it: of each frame,
/// which case of `frame` it is, and its bytes. Returns whether it had room.
#[must_use]
pub fn put_batch<'a>(
    room: &mut [u8],
    frames: impl ExactSizeIterator<Item = (u32, &'a [u8])>,
) -> bool {
    try_put(room, frames).is_some()
}

fn try_put<'a>(
    room: &mut [u8],
    frames: impl ExactSizeIterator<Item = (u32, &'a [u8])>,
) -> Option<()> {
    let count = frames.len();
    let (head, room) = room.split_first_chunk_mut::<HEAD>()?;
    let (entries, mut room) = room.split_at_mut_checked(count.checked_mul(HEAD)?)?;
    head[..NUMBER].copy_from_slice(&u32::try_from(count).ok()?.to_le_bytes());
    for ((case, bytes), entry) in frames.zip(entries.as_chunks_mut::<HEAD>().0) {
        let place;
        (place, room) = room.split_at_mut_checked(bytes.len())?;
        place.copy_from_slice(bytes);
        entry[..NUMBER].copy_from_slice(&case.to_le_bytes());
        entry[NUMBER..].copy_from_slice(&u32::try_from(bytes.len()).ok()?.to_le_bytes());
    }
    Some(())
}
