//! Through a real file, with and without the thread.

use std::{fs::OpenOptions, sync::Barrier};

use proptest::prelude::*;

use super::*;

const KIB: u64 = 1024;

/// A store whose snapshots are moved when the test says so.
fn by_hand(
    memory_max_bytes: u64,
    above_bytes: u64,
    file: Arc<SpillFile>,
) -> (SnapshotStore, Spiller) {
    let store = SnapshotStore::new(Settings { memory_max_bytes, spill: None }).unwrap();
    let spiller = Spiller { shelf: store.shelf.clone(), file, above_bytes };
    (store, spiller)
}

fn file(max_bytes: u64) -> Arc<SpillFile> {
    SpillFile::create(&std::env::temp_dir(), max_bytes).unwrap()
}

fn snapshot(seed: usize, len: usize) -> Box<[u8]> {
    let byte = |at: usize| (seed * 31 + at * 7).to_le_bytes()[0];
    // The second one says that it is packed.
    (0..len).map(|at| if at == 1 { 0 } else { byte(at) }).collect()
}

fn amounts(store: &SnapshotStore) -> [(usize, u64); 2] {
    let Stats { memory, disk } = store.stats();
    [memory, disk].map(|Amount { snapshots, bytes }| (snapshots, bytes))
}

#[tokio::test]
async fn the_oldest_go_to_the_file_and_come_back() {
    let (store, spiller) = by_hand(KIB * KIB, 2_500, file(64 * KIB));
    let tickets: Vec<_> = (0..5).map(|seed| store.put(snapshot(seed, 1_000)).unwrap()).collect();
    assert_eq!(amounts(&store), [(5, 5_000), (0, 0)]);
    spiller.spill().unwrap();
    assert_eq!(amounts(&store), [(2, 2_000), (3, 3 * KIB)]);
    for (seed, ticket) in tickets.into_iter().enumerate() {
        let [_, (spilled, _)] = amounts(&store);
        assert_eq!(spilled, 3_usize.saturating_sub(seed), "the first three were the oldest");
        assert_eq!(ticket.take().await.unwrap(), snapshot(seed, 1_000));
    }
    assert_eq!(amounts(&store), [(0, 0); 2]);
}

#[test]
fn the_thread_moves_what_it_is_told_of_and_ends() {
    let (store, spiller) = by_hand(KIB * KIB, 2_500, file(64 * KIB));
    let _tickets = [1, 2, 3].map(|seed| store.put(snapshot(seed, 1_000)).unwrap());
    let (wanted, thread) = spiller.start().unwrap();
    wanted.send(()).unwrap();
    drop(wanted);
    thread.join().unwrap();
    assert_eq!(amounts(&store), [(2, 2_000), (1, KIB)]);
}

#[tokio::test]
async fn a_snapshot_that_is_being_packed_can_be_taken() {
    let (store, _) = by_hand(KIB * KIB, KIB * KIB, file(64 * KIB));
    let new = |seed: u8| Snapshot::new(*b"a plugin", &[seed; 1_000]);
    let put = |seed| store.put(new(seed).into_bytes()).unwrap();
    let (older, mut old, young) = (put(1), put(2), put(3));
    (0..2).for_each(|_| store.shelf.lock().tick());
    let begin_pack = || store.shelf.lock().begin_pack().unwrap();
    let ((_, of_older), (key, of_old)) = (begin_pack(), begin_pack());
    // Of those that are being packed none is moved.
    assert!(store.shelf.lock().begin_move(0).is_none());
    assert_eq!(old.take_at_once(), Some(new(2).into_bytes()));
    // Another has its key by now.
    let other = put(4);
    store.shelf.lock().packed(key, &of_old, Box::default());
    assert_eq!(other.take().await.unwrap(), new(4).into_bytes());
    drop(of_older);
    assert_eq!(older.take().await.unwrap(), new(1).into_bytes());
    assert_eq!(young.take().await.unwrap(), new(3).into_bytes());
    assert_eq!(store.stats().memory, Amount::default());
}

#[tokio::test]
async fn snapshots_that_stay_are_packed_and_others_are_not() {
    let (store, _) = by_hand(KIB * KIB, KIB * KIB, file(64 * KIB));
    let new = |seed: u8| Snapshot::new(*b"a plugin", &[seed; 1_000]);
    let put = |seed| store.put(new(seed).into_bytes()).unwrap();
    let (old, taken) = (put(1), put(2));
    let tick = || {
        store.shelf.lock().tick();
        while store.shelf.pack_next() {}
    };
    tick();
    assert_eq!(taken.take().await.unwrap(), new(2).into_bytes(), "not after one tick");
    let young = put(3);
    tick();
    let packed = new(1).pack().into_bytes();
    assert!(packed.len() < 100);
    assert_eq!(store.stats().memory.bytes, packed.len() as u64 + young.len_bytes());
    assert_eq!(old.take().await.unwrap(), packed);
    assert_eq!(young.take().await.unwrap(), new(3).into_bytes());
    assert!(!store.shelf.lock().has_unpacked());
}

#[tokio::test]
async fn snapshots_are_packed_before_they_are_written() {
    let (store, spiller) = by_hand(KIB * KIB, 0, file(64 * KIB));
    let new = Snapshot::new(*b"a plugin", &[7; 1_000]);
    let ticket = store.put(new.clone().into_bytes()).unwrap();
    spiller.spill().unwrap();
    assert_eq!(amounts(&store), [(0, 0), (1, 256)]);
    assert_eq!(ticket.take().await.unwrap(), new.pack().into_bytes());
}

#[tokio::test]
async fn one_that_is_taken_while_it_is_written_comes_from_memory() {
    let (store, spiller) = by_hand(KIB * KIB, 0, file(64 * KIB));
    let ticket = store.put(snapshot(1, 1_000)).unwrap();
    let (key, moving) = store.shelf.lock().begin_move(0).unwrap();
    let spilled = spiller.file.write(&moving).unwrap();
    assert_eq!(ticket.take().await.unwrap(), snapshot(1, 1_000));
    let other = store.put(snapshot(2, 1_000)).unwrap();
    assert_eq!(other.key, key, "the key is another's by now");
    assert!(store.shelf.lock().moved(key, &moving, spilled).is_some());
    assert_eq!(amounts(&store), [(1, 1_000), (0, 0)]);
    assert_eq!(other.take().await.unwrap(), snapshot(2, 1_000));
}

#[test]
fn a_dropped_ticket_frees_its_room() {
    let (store, spiller) = by_hand(KIB * KIB, 1_000, file(KIB));
    for _ in 0..3 {
        let tickets = [(); 2].map(|()| store.put(snapshot(0, 1_000)).unwrap());
        spiller.spill().unwrap();
        assert_eq!(amounts(&store), [(1, 1_000), (1, KIB)]);
        drop(tickets);
        assert_eq!(amounts(&store), [(0, 0); 2]);
    }
}

#[tokio::test]
async fn a_full_file_takes_no_more_and_a_full_memory_gives_back() {
    let (store, spiller) = by_hand(3_000, 0, file(KIB));
    let first = store.put(snapshot(1, 1_000)).unwrap();
    spiller.spill().unwrap();
    let rest: Vec<_> = (2..5).map(|seed| store.put(snapshot(seed, 1_000)).unwrap()).collect();
    assert_eq!(spiller.spill().unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(amounts(&store), [(3, 3_000), (1, KIB)]);
    let NoRoom(refused) = store.put(snapshot(5, 1)).unwrap_err();
    assert_eq!(refused, snapshot(5, 1));
    drop(first);
    spiller.spill().unwrap_err();
    assert_eq!(amounts(&store), [(2, 2_000), (1, KIB)]);
    for (seed, ticket) in (2..5).zip(rest) {
        assert_eq!(ticket.take().await.unwrap(), snapshot(seed, 1_000));
    }
    assert_eq!(amounts(&store), [(0, 0); 2]);
}

#[tokio::test]
async fn one_that_is_too_large_for_the_file_does_not_keep_others_from_it() {
    let (store, spiller) = by_hand(KIB * KIB, 0, file(4 * KIB));
    let large = store.put(snapshot(1, 5_000)).unwrap();
    let small = store.put(snapshot(2, 100)).unwrap();
    spiller.spill().unwrap_err();
    spiller.spill().unwrap_err();
    assert_eq!(amounts(&store), [(1, 5_000), (1, 256)]);
    assert_eq!(large.take().await.unwrap(), snapshot(1, 5_000));
    assert_eq!(small.take().await.unwrap(), snapshot(2, 100));
}

#[tokio::test]
async fn a_disk_that_fails_to_write_loses_nothing() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (store, spiller) = by_hand(KIB * KIB, 0, SpillFile::new(full, KIB));
    let ticket = store.put(snapshot(1, 1_000)).unwrap();
    spiller.spill().unwrap_err();
    spiller.spill().unwrap_err();
    assert_eq!(amounts(&store), [(1, 1_000), (0, 0)]);
    assert_eq!(ticket.take().await.unwrap(), snapshot(1, 1_000));
}

#[tokio::test]
async fn a_disk_that_fails_to_read_is_an_error() {
    let kept = tempfile::tempfile().unwrap();
    let (store, spiller) = by_hand(KIB * KIB, 0, SpillFile::new(kept.try_clone().unwrap(), KIB));
    let ticket = store.put(snapshot(1, 1_000)).unwrap();
    spiller.spill().unwrap();
    kept.set_len(999).unwrap();
    let Lost(error) = ticket.take().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(amounts(&store), [(0, 0); 2], "its room is free");
}

#[test]
fn settings_that_can_not_work_are_refused() {
    let settings = |directory: &str, above_bytes| Settings {
        memory_max_bytes: KIB,
        spill: Some(Spill { directory: directory.into(), above_bytes, max_bytes: KIB }),
    };
    let say = |settings| format!("{:#}", SnapshotStore::new(settings).unwrap_err());
    assert!(
        say(settings("/nowhere", 0)).starts_with("can't make a file for snapshots in /nowhere: ")
    );
    assert!(say(settings("/tmp", KIB)).contains("spill_above_bytes=1024 is not below"));
}

/// Threads that put, take and drop, with the thread that moves at work.
#[test]
fn every_snapshot_comes_back_as_it_was() {
    const THREADS: usize = 3;
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let spill =
        Spill { directory: std::env::temp_dir(), above_bytes: 16 * KIB, max_bytes: 256 * KIB };
    let store =
        SnapshotStore::new(Settings { memory_max_bytes: 128 * KIB, spill: Some(spill) }).unwrap();
    let start = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, start, runtime) = (&store, &start, &runtime);
            scope.spawn(move || {
                start.wait();
                let mut tickets = Vec::new();
                for round in 0..3_000 {
                    let (seed, len) = (thread * 10_000 + round, round * 37 % 2_000);
                    if let Ok(ticket) = store.put(snapshot(seed, len)) {
                        tickets.push((seed, len, ticket));
                    }
                    if tickets.len() > 50 {
                        let (seed, len, ticket) = tickets.swap_remove(round % 50);
                        let taken = runtime.block_on(ticket.take()).unwrap();
                        assert_eq!(taken, snapshot(seed, len));
                    }
                    if round % 10 == 0 {
                        tickets.pop();
                    }
                }
                for (seed, len, ticket) in tickets {
                    assert_eq!(runtime.block_on(ticket.take()).unwrap(), snapshot(seed, len));
                }
            });
        }
    });
    assert_eq!(amounts(&store), [(0, 0); 2]);
}

proptest! {
    /// Whatever is put, taken, moved and refused by the disk, in any order.
    #[test]
    fn nothing_is_lost_or_mixed_up(steps in prop::collection::vec((0..6_u8, 0..3_000_usize), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (store, spiller) = by_hand(32 * KIB, 4 * KIB, file(16 * KIB));
        let mut kept: Vec<(usize, usize, Ticket)> = Vec::new();
        for (seed, (step, len)) in steps.into_iter().enumerate() {
            match step {
                0..3 => match store.put(snapshot(seed, len)) {
                    Ok(ticket) => kept.push((seed, len, ticket)),
                    Err(NoRoom(back)) => prop_assert_eq!(back, snapshot(seed, len)),
                },
                3 if !kept.is_empty() => {
                    let (seed, own_len, ticket) = kept.remove(len % kept.len());
                    prop_assert_eq!(runtime.block_on(ticket.take()).unwrap(), snapshot(seed, own_len));
                }
                4 => drop(kept.pop()),
                _ => drop(spiller.spill()),
            }
            let Stats { memory, disk } = store.stats();
            prop_assert_eq!(memory.snapshots + disk.snapshots, kept.len());
            prop_assert!(memory.bytes <= 32 * KIB && disk.bytes <= 16 * KIB);
        }
        for (seed, len, ticket) in kept {
            prop_assert_eq!(runtime.block_on(ticket.take()).unwrap(), snapshot(seed, len));
        }
        prop_assert_eq!(store.stats(), Stats::default());
    }
}
