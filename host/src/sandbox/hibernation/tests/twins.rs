//! Twins: two connections that are told the same at the same time. One sleeps
//! between events, at random, the other never. Nobody can tell them apart: not
//! by their replies, nor by what they ask of the host, nor by their memories.

use rand::{RngExt as _, rngs::SmallRng};

use super::{
    load,
    twin::{Event, Twin},
};
use crate::{
    hibernation::{Image, Layout, Scan},
    plugin::Plugin,
    testing::Run,
};

/// Pairs that live at once, and make use of the same pool.
const PAIRS: usize = 4 * GUESTS.len();
/// Guests, those with more state more often.
const GUESTS: [&str; 8] =
    ["scripted", "scripted", "scripted", "chat", "counter", "echo", "subprotocol", "ticker"];
/// The longest time between two events: a quarter of an hour.
const PAUSE_MAX_NS: u64 = 900_000_000_000;

struct Twins {
    plugin: Plugin,
    awake: Twin,
    sleeper: Twin,
}

impl Twins {
    async fn open(plugin: Plugin, random: &mut SmallRng) -> Self {
        let id = format!("{:032x}", random.random::<u128>()).parse().unwrap();
        let seed = random.random();
        let awake = Twin::open(&plugin.template, id, seed).await;
        let sleeper = Twin::open(&plugin.template, id, seed).await;
        Self { plugin, awake, sleeper }
    }

    async fn tell(&mut self, event: &Event, after_ns: u64) {
        let other = self.sleeper.tell(event, after_ns).await;
        let one = self.awake.tell(event, after_ns).await;
        assert_eq!(one, other, "{}: {event:?}", self.plugin.name);
    }

    async fn compare_snapshots(&mut self) {
        let (one, other) = (self.awake.snapshot().await, self.sleeper.snapshot().await);
        assert!(one == other, "{}: the snapshots differ", self.plugin.name);
    }

    async fn compare_memories(&mut self) {
        let layout = self.plugin.facts.layout.as_ref().unwrap();
        let one = alive(self.awake.image().await, layout);
        let other = alive(self.sleeper.image().await, layout);
        let name = &self.plugin.name;
        assert_eq!(one.globals, other.globals, "{name}");
        assert!(one.memories == other.memories, "{name}: the memories differ");
    }
}

/// An image without what nobody reads any more: the dead parts of stacks.
fn alive(mut image: Image, layout: &Layout) -> Image {
    for stack in &layout.stacks {
        let pointer = usize::try_from(image.globals[stack.pointer]).unwrap();
        image.memories[stack.memory][..pointer].fill(0);
    }
    image
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
async fn plugins() -> Vec<Plugin> {
    let plugins = load(&GUESTS, 2 * PAIRS).await;
    let scans = [Scan::best(), Scan::Compare].into_iter().cycle();
    let scans = scans.flat_map(|scan| [scan; GUESTS.len()]);
    let with_scan = |(plugin, scan): (Plugin, Scan)| {
        let template = plugin.template.clone().with_scan(scan);
        Plugin { template, ..plugin }
    };
    plugins.into_iter().cycle().zip(scans).map(with_scan).take(PAIRS).collect()
}

#[tokio::test]
async fn nobody_can_tell_who_has_slept() {
    let run = Run::new(10_000);
    let mut random = run.random();
    let mut pairs = Vec::new();
    for plugin in plugins().await {
        pairs.push(Twins::open(plugin, &mut random).await);
    }
    for _ in 0..run.events {
        let pair = &mut pairs[random.random_range(0..PAIRS)];
        let event = event(&pair.plugin.name, &mut random);
        pair.tell(&event, random.random_range(0..PAUSE_MAX_NS)).await;
        match random.random_range(0..1000) {
            0 => pair.compare_memories().await,
            1..20 => pair.compare_snapshots().await,
            // Others have what they leave of the pool.
            20 => *pair = Twins::open(pair.plugin.clone(), &mut random).await,
            21..600 => pair.sleeper.sleep().await,
            _ => {}
        }
    }
    for pair in &mut pairs {
        pair.compare_snapshots().await;
        pair.compare_memories().await;
    }
}
