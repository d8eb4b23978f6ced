//! Twins: two connections that are told the same at the same time. One sleeps
//! between events, at random, the other never. Nobody can tell them apart: not
//! by their replies, nor by what they ask of the host.
//!
//! Nor by their memories, where snapshots are made to hold whole stacks: else the
//! bytes between the fields of a value, which nobody reads, are what happened to
//! lie on the stack where it was made.

use std::sync::Arc;

use rand::{RngExt as _, rngs::SmallRng};

use super::{
    super::Hibernation,
    load,
    twin::{Event, Twin},
};
use crate::{
    hibernation::Scan,
    sandbox::{Template, WarmRoom, warm::Warm},
    testing::Run,
};

/// Pairs that live at once, and make use of the same pool: one of each kind.
const PAIRS: usize = 4 * GUESTS.len();
/// Guests, those with more state more often.
const GUESTS: [&str; 8] =
    ["scripted", "scripted", "scripted", "chat", "counter", "echo", "subprotocol", "ticker"];
/// The longest time between two events: a quarter of an hour.
const PAUSE_MAX_NS: u64 = 900_000_000_000;

struct Twins {
    kind: Kind,
    awake: Twin,
    sleeper: Twin,
}

/// What a pair is of, and how it sleeps.
#[derive(Clone)]
struct Kind {
    template: Template,
    whole_stacks: bool,
}

impl Twins {
    async fn open(kind: Kind, random: &mut SmallRng) -> Self {
        let id = format!("{:032x}", random.random::<u128>()).parse().unwrap();
        let seed = random.random();
        let awake = Twin::open(&kind.template, id, seed).await;
        let sleeper = Twin::open(&kind.template, id, seed).await;
        Self { kind, awake, sleeper }
    }

    async fn tell(&mut self, event: &Event, after_ns: u64) {
        let other = self.sleeper.tell(event, after_ns).await;
        let one = self.awake.tell(event, after_ns).await;
        assert_eq!(one, other, "{}: {event:?}", self.kind.template.name());
    }

    async fn compare_snapshots(&mut self) {
        if self.kind.whole_stacks {
            let (one, other) = (self.awake.snapshot().await, self.sleeper.snapshot().await);
            assert!(one == other, "{}: the snapshots differ", self.kind.template.name());
        }
    }

    async fn compare_memories(&mut self) {
        if self.kind.whole_stacks {
            let (one, other) = (self.awake.image().await, self.sleeper.image().await);
            let name = self.kind.template.name();
            assert_eq!(one.globals, other.globals, "{name}");
            assert!(one.memories == other.memories, "{name}: the memories differ");
        }
    }
}

fn event(guest: &str, random: &mut SmallRng) -> Event {
    let number = random.random::<u32>();
    match (guest, random.random_range(0..20)) {
        (_, 0) => Event::Binary(vec![random.random(); random.random_range(0..3000)]),
        (_, 1) => Event::Info(number.to_string()),
        (_, 2) => Event::Text("é".repeat(random.random_range(0..5000))),
        ("scripted", 3) => Event::Text("me;count;request;notes;frames-batch;echo".into()),
        ("scripted", 4) => Event::Text(format!("sub:{0};pub:{0}:hello;unsub:{0}", number % 3)),
        ("scripted", 5) => Event::Text(format!("timer:60000:x;cancel:{}", number % 9)),
        ("scripted", _) => Event::Text(format!("churn:{number}")),
        (_, 3..8) => Event::Text(format!("-{number}")),
        _ => Event::Text(number.to_string()),
    }
}

/// Each guest in each of the ways to sleep.
async fn kinds() -> Vec<Kind> {
    let mut kinds = Vec::new();
    for plugin in load(&GUESTS, 2 * PAIRS).await {
        for scan in [Scan::best(), Scan::Compare] {
            let template = plugin.template.clone().with_scan(scan);
            let whole = with_whole_stacks(template.clone());
            kinds.push(Kind { template, whole_stacks: false });
            kinds.push(Kind { template: whole, whole_stacks: true });
        }
    }
    kinds
}

fn with_whole_stacks(mut template: Template) -> Template {
    let hibernation = template.can_hibernate().unwrap();
    let baseline = Arc::new(hibernation.baseline.with_whole_stacks());
    template.hibernation = Arc::new(Ok(Hibernation { baseline, ..hibernation.clone() }));
    template.warm = Warm::new(template.tenant.metrics.warm.clone());
    template
}

#[tokio::test]
async fn nobody_can_tell_who_has_slept() {
    let run = Run::new(10_000);
    let mut random = run.random();
    let mut pairs = Vec::new();
    // Room for some: other sleepers get new instances.
    let room = WarmRoom::new(PAIRS);
    for kind in kinds().await {
        pairs.push(Twins::open(kind, &mut random).await);
    }
    for _ in 0..run.events {
        let pair = &mut pairs[random.random_range(0..PAIRS)];
        let event = event(pair.kind.template.name(), &mut random);
        pair.tell(&event, random.random_range(0..PAUSE_MAX_NS)).await;
        match random.random_range(0..1000) {
            0 => pair.compare_memories().await,
            1..20 => pair.compare_snapshots().await,
            // Others have what they leave of the pool.
            20 => *pair = Twins::open(pair.kind.clone(), &mut random).await,
            21..600 => pair.sleeper.sleep(&room).await,
            _ => {}
        }
    }
    for pair in &mut pairs {
        pair.compare_snapshots().await;
        pair.compare_memories().await;
    }
}
