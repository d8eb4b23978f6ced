//! With a thread or two. `tests/loom` tries every interleaving.

use std::{
    future::{Future as _, poll_fn},
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Poll, Waker},
};

use tokio::sync::watch;

use super::*;

const NONE: Counts = Counts { free: 0, waiting: 0, asked: 0 };

fn now(slots: &Arc<Slots>) -> Slot {
    let Poll::Ready(slot) = pin!(slots.acquire()).poll(&mut noop()) else {
        panic!("no slot is free")
    };
    slot
}

fn noop() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn asked(slot: &mut Slot) -> bool {
    slot.poll_idle(&noop()).is_ready()
}

#[test]
fn who_came_first_is_served_first() {
    let slots = Slots::new(1);
    let holder = now(&slots);
    let (mut first, mut second) = (pin!(slots.acquire()), pin!(slots.acquire()));
    assert!(first.as_mut().poll(&mut noop()).is_pending());
    assert!(second.as_mut().poll(&mut noop()).is_pending());
    assert_eq!(slots.counts(), Counts { waiting: 2, ..NONE });
    drop(holder);
    assert!(second.as_mut().poll(&mut noop()).is_pending());
    assert!(first.as_mut().poll(&mut noop()).is_ready(), "its slot is dropped here");
    assert!(second.as_mut().poll(&mut noop()).is_ready());
    assert_eq!(slots.counts(), Counts { free: 1, ..NONE });
}

#[test]
fn one_that_leaves_the_line_is_passed_over() {
    let slots = Slots::new(1);
    let holder = now(&slots);
    let mut second = pin!(slots.acquire());
    {
        let mut first = pin!(slots.acquire());
        assert!(first.as_mut().poll(&mut noop()).is_pending());
        assert!(second.as_mut().poll(&mut noop()).is_pending());
        drop(holder);
        // It was sent the slot, and leaves without having looked.
    }
    assert!(second.as_mut().poll(&mut noop()).is_ready());
    assert_eq!(slots.counts(), Counts { free: 1, ..NONE });
}

#[test]
fn the_least_recently_used_is_asked() {
    let slots = Slots::new(3);
    let mut holders = [now(&slots), now(&slots), now(&slots)];
    assert!(!holders.iter_mut().any(asked));
    let mut waiting = pin!(slots.acquire());
    assert!(waiting.as_mut().poll(&mut noop()).is_pending());
    let [mut first, mut second, mut third] = holders;
    assert!(asked(&mut first), "all were idle since the same hour");
    first.busy();
    assert!(asked(&mut second), "the next one, as that one is busy");
    second.busy();
    third.busy();
    assert_eq!(slots.counts(), Counts { waiting: 1, ..NONE });
    assert!(asked(&mut third), "the first that is idle");
    assert!(!asked(&mut first) && !asked(&mut second), "one is enough");
    assert_eq!(slots.counts(), Counts { waiting: 1, asked: 1, ..NONE });
    drop(third);
    assert!(waiting.as_mut().poll(&mut noop()).is_ready());
}

#[test]
fn one_used_since_the_hand_passed_has_a_second_chance() {
    let slots = Slots::new(4);
    let mut holders = [now(&slots), now(&slots), now(&slots), now(&slots)];
    assert!(!holders.iter_mut().any(asked));
    let [mut first, mut second, mut third, _fourth] = holders;
    let mut waiting = pin!(slots.acquire());
    assert!(waiting.as_mut().poll(&mut noop()).is_pending());
    assert!(asked(&mut first));
    drop(first);
    let Poll::Ready(_served) = waiting.as_mut().poll(&mut noop()) else { panic!("not served") };
    second.busy();
    assert!(!asked(&mut second));
    let mut waiting = pin!(slots.acquire());
    assert!(waiting.as_mut().poll(&mut noop()).is_pending());
    assert!(!asked(&mut second) && asked(&mut third));
}

/// Holders that are idle, of all slots but the reserve of two.
fn all_but_the_reserve(slots: &Arc<Slots>) -> Vec<Slot> {
    let mut holders: Vec<Slot> = (0..RESERVE * 2 - 2).map(|_| now(slots)).collect();
    assert!(!holders.iter_mut().any(asked));
    assert!(!holders.iter().any(Slot::is_for_a_moment));
    assert_eq!(slots.counts(), Counts { free: 2, ..NONE });
    holders
}

/// As many as pass before one stays, and that one.
fn one_that_stays(slots: &Arc<Slots>) -> Slot {
    for _ in 1..STAYS {
        assert!(now(slots).is_for_a_moment());
        assert_eq!(slots.counts(), Counts { free: 2, ..NONE }, "nobody sleeps for it");
    }
    let stays = now(slots);
    assert!(!stays.is_for_a_moment());
    stays
}

#[test]
fn the_last_slots_are_held_for_a_moment_and_one_is_asked_for_each_that_stays() {
    let slots = Slots::new(RESERVE * 2);
    let mut holders = all_but_the_reserve(&slots);
    holders.push(one_that_stays(&slots));
    assert_eq!(slots.counts(), Counts { free: 1, asked: 1, ..NONE });
    let victim = holders.iter_mut().position(asked).unwrap();
    drop(holders.swap_remove(victim));
    assert_eq!(slots.counts(), Counts { free: 2, ..NONE });
}

#[test]
fn one_that_is_asked_and_busy_has_its_slot_for_a_moment() {
    let slots = Slots::new(RESERVE * 2);
    let mut holders = all_but_the_reserve(&slots);
    let _stays = one_that_stays(&slots);
    let victim = holders.iter_mut().position(asked).unwrap();
    holders[victim].busy();
    assert!(holders[victim].is_for_a_moment());
    assert_eq!(slots.counts(), Counts { free: 1, ..NONE }, "no other is asked");
    drop(holders.swap_remove(victim));
    assert_eq!(slots.counts(), Counts { free: 2, ..NONE });
}

#[test]
fn for_one_that_cannot_sleep_another_is_asked() {
    let slots = Slots::new(RESERVE * 2);
    let mut holders = all_but_the_reserve(&slots);
    let mut passing = now(&slots);
    assert!(passing.is_for_a_moment());
    passing.keep();
    assert!(!passing.is_for_a_moment());
    assert_eq!(slots.counts(), Counts { free: 1, asked: 1, ..NONE });
    assert!(holders.iter_mut().any(asked));
}

#[test]
fn a_slot_that_one_who_waits_was_told_of_serves_others_until_it_comes() {
    let slots = Slots::new(1);
    let holder = now(&slots);
    let mut waiting = pin!(slots.acquire());
    assert!(waiting.as_mut().poll(&mut noop()).is_pending());
    drop(holder);
    let other = now(&slots);
    assert!(waiting.as_mut().poll(&mut noop()).is_pending());
    assert_eq!(slots.counts(), Counts { waiting: 1, ..NONE }, "it is in line again");
    drop(other);
    assert!(waiting.as_mut().poll(&mut noop()).is_ready());
    assert_eq!(slots.counts(), Counts { free: 1, ..NONE });
}

/// What connections do, with all that may come between: each has events, is
/// idle a while, sleeps when it is asked, and wakes at its next event. Nobody
/// gives a slot up unasked, so that a wake-up that is lost is one that hangs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_share_few() {
    const CONNECTIONS: usize = 300;
    const EVENTS: usize = 300;
    for max in [1, 7, 64] {
        let slots = Slots::new(max);
        let (alive, left) = (Arc::new(AtomicUsize::new(0)), watch::Sender::new(CONNECTIONS));
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|seed| tokio::spawn(connection(slots.clone(), alive.clone(), left.clone(), seed)))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(slots.counts(), Counts { free: max, ..NONE });
    }

    async fn connection(
        slots: Arc<Slots>,
        alive: Arc<AtomicUsize>,
        left: watch::Sender<usize>,
        seed: usize,
    ) {
        let mut awake = None;
        for event in 0..EVENTS {
            let mut slot = match awake.take() {
                Some(slot) => slot,
                None => {
                    let slot = slots.acquire().await;
                    assert!(alive.fetch_add(1, Ordering::Relaxed) < slots.max);
                    slot
                }
            };
            slot.busy();
            // Polls until the next event: none, some, or many.
            let mut polls = (seed * 31 + event * 17) % 41 / 8 * 3;
            let asked = poll_fn(|cx| {
                if polls == 0 {
                    return Poll::Ready(false);
                }
                polls -= 1;
                cx.waker().wake_by_ref();
                slot.poll_idle(cx).map(|()| true)
            })
            .await;
            if asked {
                alive.fetch_sub(1, Ordering::Relaxed);
            } else {
                awake = Some(slot);
            }
        }
        left.send_modify(|left| *left -= 1);
        if let Some(mut slot) = awake {
            let mut all_done = left.subscribe();
            tokio::select! {
                () = poll_fn(|cx| slot.poll_idle(cx)) => {}
                _ = all_done.wait_for(|left| *left == 0) => {}
            }
            alive.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
