//! Every interleaving of a few connections that share fewer slots.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use loom::{future::block_on, thread};

use wshost_loom::slots::{Counts, Slot, Slots};

const REST: Counts = Counts { free: 0, waiting: 0, asked: 0 };

/// Every interleaving with up to two preemptions, as tokio's own tests do; more
/// by LOOM_MAX_PREEMPTIONS.
fn model(scenario: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(2);
    builder.check(scenario);
}

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn acquire_now(slots: &Arc<Slots>) -> Slot {
    let Poll::Ready(slot) = poll(slots.acquire()) else { panic!("a slot is free") };
    slot
}

fn offer(slot: &mut Slot) -> Poll<()> {
    slot.poll_idle(&Context::from_waker(Waker::noop()))
}

fn sleep_when_asked(mut slot: Slot) {
    block_on(poll_fn(|cx| slot.poll_idle(cx)));
}

/// A holder is idle, has an event, and is idle again.
#[test]
fn who_waits_is_served_whatever_the_holder_does() {
    model(|| {
        let slots = Slots::new(1);
        let mut slot = acquire_now(&slots);
        let holder = thread::spawn(move || {
            let _ = offer(&mut slot);
            slot.busy();
            sleep_when_asked(slot);
        });
        drop(block_on(slots.acquire()));
        holder.join().unwrap();
        assert_eq!(slots.counts(), Counts { free: 1, ..REST });
    });
}

/// One of two idle holders has an event, perhaps after it was asked. The other
/// one sleeps, and the one with the event has not to.
#[test]
fn another_is_asked_when_the_first_gets_busy() {
    model(|| {
        let slots = Slots::new(2);
        let (mut busy, mut idle) = (acquire_now(&slots), acquire_now(&slots));
        assert!(offer(&mut busy).is_pending() && offer(&mut idle).is_pending());
        let idle = thread::spawn(move || sleep_when_asked(idle));
        let event = thread::spawn(move || {
            busy.busy();
            busy
        });
        let slot = block_on(slots.acquire());
        idle.join().unwrap();
        let mut busy = event.join().unwrap();
        assert_eq!(slots.counts(), REST);
        assert!(offer(&mut busy).is_pending(), "nobody waits for its slot");
        drop(slot);
    });
}

/// A holder gives its slot back by itself, perhaps just when it is asked to.
#[test]
fn a_holder_that_leaves_is_not_waited_for() {
    model(|| {
        let slots = Slots::new(2);
        let (mut leaving, idle) = (acquire_now(&slots), acquire_now(&slots));
        assert!(offer(&mut leaving).is_pending());
        let leaving = thread::spawn(move || drop(leaving));
        let waiting = thread::spawn({
            let slots = slots.clone();
            move || block_on(slots.acquire())
        });
        let first = waiting.join().unwrap();
        leaving.join().unwrap();
        assert_eq!(slots.counts(), REST);
        drop((first, idle));
        assert_eq!(slots.counts(), Counts { free: 2, ..REST });
    });
}

/// One of two that wait leaves the line, perhaps just when it is sent a slot.
#[test]
fn the_slot_of_one_that_left_goes_to_the_next() {
    model(|| {
        let slots = Slots::new(1);
        let slot = acquire_now(&slots);
        let holder = thread::spawn(move || sleep_when_asked(slot));
        let leaving = thread::spawn({
            let slots = slots.clone();
            move || drop(poll(slots.acquire()))
        });
        drop(block_on(slots.acquire()));
        leaving.join().unwrap();
        holder.join().unwrap();
        assert_eq!(slots.counts(), Counts { free: 1, ..REST });
    });
}

/// Two come while two fall asleep.
#[test]
fn two_are_served_by_two() {
    model(|| {
        let slots = Slots::new(2);
        let holders = [acquire_now(&slots), acquire_now(&slots)]
            .map(|slot| thread::spawn(move || sleep_when_asked(slot)));
        block_on(async {
            let first = slots.acquire().await;
            drop((slots.acquire().await, first));
        });
        for holder in holders {
            holder.join().unwrap();
        }
        assert_eq!(slots.counts(), Counts { free: 2, ..REST });
    });
}
