//! Twins: two connections that are told the same at the same time. One sleeps
//! between events, at random, the other never. Nobody can tell them apart: not
//! by their replies, nor by what they ask of the host, nor by their memories.

use std::{mem, sync::Arc, time::Instant};

use rand::{RngExt as _, rngs::SmallRng};

use super::{load, open, script::Script};
use crate::{
    hibernation::{Image, Scan, Snapshot, Transfer},
    messaging::ConnectionId,
    sandbox::{
        Instance, Ledger, Template,
        types::{DirectMessage, FrameParam, Message, Outcome},
    },
    testing::Run,
};

/// Pairs that live at once, and make use of the same pool.
const PAIRS: usize = 24;
/// Guests, those with more state more often.
const GUESTS: [&str; 8] =
    ["scripted", "scripted", "scripted", "chat", "counter", "echo", "subprotocol", "ticker"];

/// What a pair is told.
#[derive(Clone, Debug)]
enum Event {
    Text(String),
    Binary(Vec<u8>),
    Info(String),
}

struct Twins {
    template: Template,
    id: ConnectionId,
    scripts: [Script; 2],
    awake: Instance,
    sleeper: Sleeper,
}

enum Sleeper {
    Awake(Instance),
    Asleep(Box<Ledger>, Box<[u8]>),
    /// Between the two.
    Moving,
}

impl Twins {
    async fn new(template: Template, random: &mut SmallRng) -> Self {
        let id = format!("{:032x}", random.random::<u128>()).parse().unwrap();
        let seed = random.random();
        let scripts = [Script::new(seed), Script::new(seed)];
        let [one, other] = scripts.clone().map(|script| Some(Arc::new(script) as Arc<_>));
        let awake = open(&template, id, one).await;
        let sleeper = Sleeper::Awake(open(&template, id, other).await);
        Self { template, id, scripts, awake, sleeper }
    }

    /// The one that sleeps, awake.
    async fn wake(&mut self) -> &mut Instance {
        self.sleeper = match mem::replace(&mut self.sleeper, Sleeper::Moving) {
            Sleeper::Asleep(ledger, bytes) => {
                let snapshot = Snapshot::from_bytes(bytes);
                let woken = self.template.restore(self.id, ledger, &snapshot).await;
                Sleeper::Awake(woken.unwrap())
            }
            awake => awake,
        };
        match &mut self.sleeper {
            Sleeper::Awake(instance) => instance,
            _ => unreachable!("it was woken"),
        }
    }

    async fn sleep(&mut self) {
        let snapshot = self.wake().await.hibernate().await.unwrap();
        if let Sleeper::Awake(instance) = mem::replace(&mut self.sleeper, Sleeper::Moving) {
            self.sleeper = Sleeper::Asleep(instance.into_ledger(), snapshot.into_bytes());
        }
    }

    /// What both reply, and ask of the host, is the same.
    async fn tell(&mut self, event: &Event) {
        let sleeper = self.wake().await;
        let other = tell(sleeper, event).await;
        let one = tell(&mut self.awake, event).await;
        assert_eq!(one, other, "{}: {event:?}", self.template.name());
    }

    /// A snapshot is what differs from a fresh instance: equal ones are equal state.
    async fn compare_snapshots(&mut self) {
        let other = self.wake().await.hibernate().await.unwrap();
        let one = self.awake.hibernate().await.unwrap();
        assert!(one == other, "{}: the snapshots differ", self.template.name());
    }

    /// Everything is looked at, whatever a snapshot would have in it.
    async fn compare_memories(&mut self) {
        let other = image(self.wake().await).await;
        let one = image(&mut self.awake).await;
        let name = self.template.name();
        assert_eq!(one.globals, other.globals, "{name}");
        // What assert_eq! would print has megabytes.
        assert!(one.memories == other.memories, "{name}: the memories differ");
    }
}

async fn tell(instance: &mut Instance, event: &Event) -> String {
    let outcome: Outcome = match event {
        Event::Text(text) => instance.frames(&[FrameParam::Text(text)]).await,
        Event::Binary(data) => {
            instance.frames(&[FrameParam::Binary(data), FrameParam::Ping(b"!")]).await
        }
        Event::Info(payload) => {
            let message = DirectMessage { sender: "somebody", payload: payload.as_bytes() };
            instance.info(Message::Direct(message)).await
        }
    }
    .unwrap();
    let effects = instance.ledger().commit(Instant::now);
    format!("{outcome:?} {effects:?}")
}

/// All of an instance's state, as it is.
async fn image(instance: &mut Instance) -> Image {
    let save = (*instance.hibernation).as_ref().unwrap().save;
    match instance.transfer(save, Transfer::Image(Image::default())).await.unwrap() {
        Transfer::Image(image) => image,
        other => panic!("{other:?} is no image"),
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

/// The templates, each looking for what changed in both ways.
async fn templates() -> Vec<Template> {
    let plugins = load(&GUESTS, 2 * PAIRS).await;
    let scans = [Scan::best(), Scan::Compare].into_iter().cycle();
    let templates = plugins.into_iter().cycle().zip(scans.flat_map(|scan| [scan; GUESTS.len()]));
    templates.take(PAIRS).map(|(plugin, scan)| plugin.template.with_scan(scan)).collect()
}

#[tokio::test]
async fn nobody_can_tell_who_has_slept() {
    let run = Run::new(10_000);
    let mut random = run.random();
    let templates = templates().await;
    let mut pairs = Vec::new();
    for template in &templates {
        pairs.push(Twins::new(template.clone(), &mut random).await);
    }
    for _ in 0..run.events {
        let pair = &mut pairs[random.random_range(0..PAIRS)];
        let ns = random.random_range(0..1_000_000_000_000);
        pair.scripts.iter().for_each(|script| script.pass(ns));
        pair.tell(&event(pair.template.name(), &mut random)).await;
        match random.random_range(0..1000) {
            0 => pair.compare_memories().await,
            1..20 => pair.compare_snapshots().await,
            // Others have what they leave of the pool.
            20 => *pair = Twins::new(pair.template.clone(), &mut random).await,
            21..600 => pair.sleep().await,
            _ => {}
        }
    }
    for mut pair in pairs {
        pair.compare_snapshots().await;
        pair.compare_memories().await;
    }
}
