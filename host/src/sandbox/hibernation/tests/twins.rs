//! Twins: two connections that are told the same at the same time. One sleeps
//! between events, at random, the other never. Nobody can tell them apart: not
//! by their replies, nor by what they ask of the host, nor by their memories.

use rand::{RngExt as _, rngs::SmallRng};

use super::{
    load,
    twin::{Event, Twin},
};
use crate::{hibernation::Scan, sandbox::Template, testing::Run};

/// Pairs that live at once, and make use of the same pool.
const PAIRS: usize = 4 * GUESTS.len();
/// Guests, those with more state more often.
const GUESTS: [&str; 8] =
    ["scripted", "scripted", "scripted", "chat", "counter", "echo", "subprotocol", "ticker"];
/// The longest time between two events: a quarter of an hour.
const PAUSE_MAX_NS: u64 = 900_000_000_000;

struct Twins {
    template: Template,
    awake: Twin,
    sleeper: Twin,
}

impl Twins {
    async fn open(template: &Template, random: &mut SmallRng) -> Self {
        let id = format!("{:032x}", random.random::<u128>()).parse().unwrap();
        let seed = random.random();
        let awake = Twin::open(template, id, seed).await;
        let sleeper = Twin::open(template, id, seed).await;
        Self { template: template.clone(), awake, sleeper }
    }

    async fn tell(&mut self, event: &Event, after_ns: u64) {
        let other = self.sleeper.tell(event, after_ns).await;
        let one = self.awake.tell(event, after_ns).await;
        assert_eq!(one, other, "{}: {event:?}", self.template.name());
    }

    async fn compare_snapshots(&mut self) {
        let (one, other) = (self.awake.snapshot().await, self.sleeper.snapshot().await);
        assert!(one == other, "{}: the snapshots differ", self.template.name());
    }

    async fn compare_memories(&mut self) {
        let (one, other) = (self.awake.image().await, self.sleeper.image().await);
        let name = self.template.name();
        assert_eq!(one.globals, other.globals, "{name}");
        assert!(one.memories == other.memories, "{name}: the memories differ");
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

/// One for each pair. Both ways to look for what changed have the same guests.
async fn templates() -> Vec<Template> {
    let plugins = load(&GUESTS, 2 * PAIRS).await;
    let scans = [Scan::best(), Scan::Compare].into_iter().cycle();
    let scans = scans.flat_map(|scan| [scan; GUESTS.len()]);
    let templates = plugins.into_iter().cycle().zip(scans);
    templates.map(|(plugin, scan)| plugin.template.with_scan(scan)).take(PAIRS).collect()
}

#[tokio::test]
async fn nobody_can_tell_who_has_slept() {
    let run = Run::new(10_000);
    let mut random = run.random();
    let mut pairs = Vec::new();
    for template in &templates().await {
        pairs.push(Twins::open(template, &mut random).await);
    }
    for _ in 0..run.events {
        let pair = &mut pairs[random.random_range(0..PAIRS)];
        let event = event(pair.template.name(), &mut random);
        pair.tell(&event, random.random_range(0..PAUSE_MAX_NS)).await;
        match random.random_range(0..1000) {
            0 => pair.compare_memories().await,
            1..20 => pair.compare_snapshots().await,
            // Others have what they leave of the pool.
            20 => *pair = Twins::open(&pair.template.clone(), &mut random).await,
            21..600 => pair.sleeper.sleep().await,
            _ => {}
        }
    }
    for pair in &mut pairs {
        pair.compare_snapshots().await;
        pair.compare_memories().await;
    }
}
