//! Nodes and the server are killed and started again at random, and nodes are cut off,
//! under load: nothing comes twice, nothing is lost but while something is away, and
//! presence is right soon after. `WSHOST_TEST_SEED` has the same done again.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IteratorRandom as _};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use wshost_tests::{Client, Host, Mode, Nats, Wire, patiently};

use crate::{know_each_other, node};

const NODES: usize = 3;
/// How long after something is back messages may be lost.
const UNTIL_WHOLE: Duration = Duration::from_secs(5);
/// By when presence is right.
const UNTIL_PRESENCE: Duration = Duration::from_secs(10);
/// A message has so long to arrive at a connection that lives.
const ON_THE_WAY: Duration = Duration::from_secs(2);

/// For 20 seconds, or for as many minutes as `WSHOST_TEST_MINUTES` says, then with 3,000
/// connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost() {
    match std::env::var("WSHOST_TEST_MINUTES") {
        Ok(minutes) => {
            let minutes = minutes.parse().expect("WSHOST_TEST_MINUTES is a whole number");
            run(Duration::from_mins(minutes), 1000, Duration::from_secs(2)).await;
        }
        Err(_) => run(Duration::from_secs(20), 100, Duration::from_millis(500)).await,
    }
}

/// What everybody writes down.
struct Book {
    sent: Mutex<Vec<Sent>>,
    /// The ids of connections that live.
    alive: Mutex<BTreeMap<usize, String>>,
    /// By connection, the messages that it got.
    received: Mutex<HashSet<(usize, usize)>>,
    twice: AtomicUsize,
    lives: Mutex<Vec<Life>>,
    connections: AtomicUsize,
    messages: AtomicUsize,
    /// How often each connection sends.
    every: Duration,
}

struct Sent {
    message: usize,
    by: usize,
    to: To,
    at: Instant,
}

#[derive(Clone, Copy)]
enum To {
    Topic(usize),
    Connection(usize),
}

/// A connection's: subscribed from then to then.
struct Life {
    connection: usize,
    node: usize,
    topic: usize,
    from: Instant,
    until: Instant,
}

/// A time in which messages of a node may be lost, or of all.
struct Away {
    node: Option<usize>,
    from: Instant,
    until: Instant,
}

impl Book {
    fn new(every: Duration) -> Self {
        Self {
            sent: Mutex::default(),
            alive: Mutex::default(),
            received: Mutex::default(),
            twice: AtomicUsize::new(0),
            lives: Mutex::default(),
            connections: AtomicUsize::new(0),
            messages: AtomicUsize::new(0),
            every,
        }
    }

    /// A message to its topic, or to somebody who lives.
    fn message(&self, by: usize, topic: usize) -> String {
        let message = self.messages.fetch_add(1, SeqCst);
        let somebody = message.is_multiple_of(2).then(|| {
            let alive = lock(&self.alive);
            let others = alive.iter().filter(|(other, _)| **other != by);
            others.map(|(other, id)| (*other, id.clone())).choose(&mut rand::rng())
        });
        let (to, script) = match somebody.flatten() {
            Some((other, id)) => (To::Connection(other), format!("send:{id}:{message}")),
            None => (To::Topic(topic), format!("msg-others:t{topic}:{message}")),
        };
        lock(&self.sent).push(Sent { message, by, to, at: Instant::now() });
        script
    }
}

/// A member that a node refused tries again after this time, or when the address changes.
const RETRY: Duration = Duration::from_millis(100);

/// The address of a node, or `None` while the node is away.
type Address = watch::Receiver<Option<SocketAddr>>;

/// Keeps a connection on a topic of a node whenever the node is there. Ends when nobody can
/// change the address any more.
async fn member(book: Arc<Book>, node: usize, topic: usize, mut address: Address) {
    while let Ok(here) = address.wait_for(Option::is_some).await.map(|here| *here)
        && let Some(here) = here
    {
        match Mode::HTTP1.ask_address(here).try_open().await {
            Some(client) => live(&book, node, topic, client).await,
            // The node may be on its way down: then its address changes.
            None => drop(timeout(RETRY, address.changed()).await),
        }
    }
}

async fn live(book: &Book, node: usize, topic: usize, mut client: Client) {
    let connection = book.connections.fetch_add(1, SeqCst);
    let lived = live_as(book, connection, topic, node, &mut client).await;
    lock(&book.alive).remove(&connection);
    lock(&book.lives).push(lived);
}

/// Until the connection ends.
async fn live_as(
    book: &Book,
    connection: usize,
    topic: usize,
    node: usize,
    client: &mut Client,
) -> Life {
    let mut life = Life { connection, node, topic, from: Instant::now(), until: Instant::now() };
    let script = format!("sub:t{topic};enter:room:{node}.{topic}");
    if client.try_ask(&format!("{script};text:x")).await.is_none()
        || client.try_ask("text:subscribed").await.is_none()
    {
        return life;
    }
    // What has come meanwhile is none of it.
    let id = loop {
        match client.try_ask("me").await {
            Some(text) => match text.strip_prefix("id ") {
                Some(id) => break id.to_owned(),
                None => receive(book, connection, &text),
            },
            None => return life,
        }
    };
    life.from = Instant::now();
    lock(&book.alive).insert(connection, id);
    let mut tick = tokio::time::interval(book.every);
    loop {
        life.until = Instant::now();
        tokio::select! {
            text = client.try_text() => match text {
                Some(text) => receive(book, connection, &text),
                None => return life,
            },
            _ = tick.tick() => {
                // The answer says that the host has done it.
                let script = book.message(connection, topic);
                if !client.try_say(&format!("{script};text:alive")).await {
                    return life;
                }
            }
        }
    }
}

fn receive(book: &Book, connection: usize, text: &str) {
    // Else it is an answer.
    if !text.starts_with("published ") && !text.starts_with("direct ") {
        return;
    }
    let message = text.rsplit(' ').next().and_then(|number| number.parse().ok());
    let message = message.expect("it is a number");
    if !lock(&book.received).insert((connection, message)) {
        book.twice.fetch_add(1, SeqCst);
    }
}

async fn run(time: Duration, members_per_node: usize, every: Duration) {
    wshost_tests::raise_socket_limit();
    let seed = std::env::var("WSHOST_TEST_SEED").ok();
    let seed = seed.map_or_else(rand::random, |seed| seed.parse().expect("a seed is a number"));
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut nats = Nats::start(&[]).await;
    let (mut hosts, mut wires) = (Vec::new(), Vec::new());
    for _ in 0..NODES {
        let wire = Wire::to(nats.address()).await;
        hosts.push(Some(start(&wire).await));
        wires.push(wire);
    }
    know_each_other(hosts.iter().flatten().collect::<Vec<_>>().into_iter()).await;
    let address = |host: &Option<Host>| host.as_ref().map(Host::address);
    let addresses: Vec<_> = hosts.iter().map(|host| watch::Sender::new(address(host))).collect();
    let book = Arc::new(Book::new(every));
    let mut members = JoinSet::new();
    for (node, address) in addresses.iter().enumerate() {
        for topic in 0..members_per_node {
            members.spawn(member(book.clone(), node, topic, address.subscribe()));
        }
    }
    let begun = Instant::now();
    let mut aways = Vec::new();
    while begun.elapsed() < time {
        sleep(random.random_range(Duration::ZERO..Duration::from_secs(8))).await;
        let away = random.random_range(Duration::ZERO..Duration::from_secs(3));
        let from = Instant::now();
        let chosen = random.random_range(0..=NODES);
        let node = Some(chosen).filter(|chosen| *chosen < NODES);
        match node {
            Some(node) if random.random() => {
                wires[node].cut();
                sleep(away).await;
                wires[node].mend();
            }
            Some(node) => {
                addresses[node].send_replace(None);
                hosts[node] = None;
                sleep(away).await;
                hosts[node] = Some(start(&wires[node]).await);
                addresses[node].send_replace(address(&hosts[node]));
            }
            None => {
                nats.kill();
                sleep(away).await;
                nats.restart().await;
            }
        }
        aways.push(Away { node, from, until: Instant::now() + UNTIL_WHOLE });
    }
    is_present(&hosts, members_per_node).await;
    for (host, address) in hosts.iter_mut().zip(&addresses) {
        address.send_replace(None);
        *host = None;
    }
    drop(addresses);
    patiently("the connections to end", members.join_all()).await;
    judge(&book, &aways);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics who has it")
}

async fn start(wire: &Wire) -> Host {
    node(&wire.url()).log("info").start().await
}

/// Waits until all see all, which may take only so long.
async fn is_present(hosts: &[Option<Host>], members_per_node: usize) {
    let mut all: Vec<String> = (0..NODES)
        .flat_map(|node| (0..members_per_node).map(move |topic| format!("{node}.{topic}/-")))
        .collect();
    all.sort();
    let begun = Instant::now();
    for host in hosts.iter().flatten() {
        let mut client = Mode::HTTP1.ask(host).open().await;
        loop {
            let present = client.ask("present:room").await;
            let mut present: Vec<String> = present.split(' ').skip(1).map(String::from).collect();
            present.sort();
            if present == all {
                break;
            }
            let wrong = present.len();
            assert!(begun.elapsed() < UNTIL_PRESENCE, "{wrong} of {} are present", all.len());
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn judge(book: &Book, aways: &[Away]) {
    let (sent, received) = (lock(&book.sent), lock(&book.received));
    let lives = lock(&book.lives);
    let may_be_lost = |node: usize, at: Instant| {
        let is_near = |away: &&Away| away.from <= at + ON_THE_WAY && at <= away.until;
        aways.iter().filter(is_near).any(|away| away.node.is_none_or(|of| of == node))
    };
    let of_connection: HashMap<usize, &Life> =
        lives.iter().map(|life| (life.connection, life)).collect();
    let mut of_topic: HashMap<usize, Vec<&Life>> = HashMap::new();
    for life in lives.iter() {
        of_topic.entry(life.topic).or_default().push(life);
    }
    let (mut due, mut lost) = (0, Vec::new());
    for Sent { message, by, to, at } in sent.iter() {
        let at = *at;
        let alive = |life: &&Life| life.from <= at && at + ON_THE_WAY <= life.until;
        let sender = of_connection[by];
        if !alive(&sender) {
            continue;
        }
        let receivers = match to {
            To::Topic(topic) => of_topic[topic].as_slice(),
            To::Connection(connection) => std::slice::from_ref(&of_connection[connection]),
        };
        let others = receivers.iter().filter(|life| life.connection != *by);
        for life in others.copied().filter(alive) {
            let excused = [sender.node, life.node].iter().any(|node| may_be_lost(*node, at));
            due += usize::from(!excused);
            if !excused && !received.contains(&(life.connection, *message)) {
                lost.push((message, sender.node, life.node));
            }
        }
    }
    println!(
        "{} sent, {} received, {due} of them had to be, {} times something was away",
        sent.len(),
        received.len(),
        aways.len()
    );
    assert_eq!(book.twice.load(SeqCst), 0, "came twice");
    assert!(due > 0 && lost.is_empty(), "{} of {due} are lost: {lost:?}", lost.len());
}
