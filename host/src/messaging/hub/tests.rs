//! What reaches whom, on one node and on two.

use std::{
    sync::{Mutex, atomic::AtomicBool},
    task::{Context, Waker},
};

use futures_util::future::BoxFuture;

use super::*;
use crate::{
    config::Config,
    messaging::{
        Attendance, Change, Content, Letter, NoAnswer, Publication, Published, Unreachable, Urgent,
        WatchAs,
    },
    websocket::Message,
};

fn member(hub: &Hub) -> Arc<Mailbox> {
    let id = ConnectionId::of(hub.node);
    let mailbox = Arc::new(Mailbox::new(id, Tenant::test(Config::default()), true));
    hub.join(&mailbox);
    mailbox
}

fn has_frames(mailbox: &Mailbox) -> bool {
    let urgent = mailbox.poll_urgent(&Context::from_waker(Waker::noop()), 1000);
    matches!(urgent, Some(Urgent::Frames(_)))
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn message(topic: &str, from: Option<ConnectionId>) -> Publication {
    let content = Content::Message(bytes("x"));
    Publication { topic: topic.into(), from, to_self: true, content }
}

/// Of what can be brought to another node.
const PAYLOAD_MAX: usize = 100;

/// Two nodes, and what goes between them once it is [carried](Pair::carry).
struct Pair {
    hubs: [Arc<Hub>; 2],
    wire: Arc<Wire>,
}

#[derive(Debug, Default)]
struct Wire {
    cut: AtomicBool,
    under_way: Mutex<Vec<(NodeId, Parcel)>>,
    names: Mutex<BTreeMap<Arc<str>, ConnectionId>>,
    left: Mutex<Vec<NodeId>>,
}

#[derive(Clone, Debug)]
enum Parcel {
    Letter(Letter),
    Publication(Publication),
    Attendance(Attendance),
}

/// One node's end of it.
#[derive(Debug)]
struct End {
    node: NodeId,
    wire: Weak<Wire>,
}

impl End {
    fn wire(&self) -> Arc<Wire> {
        self.wire.upgrade().expect("the test holds it")
    }

    fn put(&self, parcel: Parcel) {
        self.wire().under_way.lock().unwrap().push((self.node, parcel));
    }
}

impl Remote for End {
    fn is_reachable(&self) -> bool {
        !self.wire().cut.load(SeqCst)
    }

    fn payload_max(&self) -> usize {
        PAYLOAD_MAX
    }

    fn send(&self, letter: Letter) {
        self.put(Parcel::Letter(letter));
    }

    fn publish(&self, publication: &Publication) {
        self.put(Parcel::Publication(publication.clone()));
    }

    fn attendance(&self, attendance: &Attendance) {
        self.put(Parcel::Attendance(attendance.clone()));
    }

    fn claim(&self, name: Arc<str>, id: ConnectionId) -> BoxFuture<'_, Result<bool, Unreachable>> {
        let wire = self.wire();
        let reachable = self.is_reachable();
        let claimed = || *wire.names.lock().unwrap().entry(name).or_insert(id) == id;
        let answer = if reachable { Ok(claimed()) } else { Err(Unreachable) };
        Box::pin(async move { answer })
    }

    fn release(&self, name: &Arc<str>, id: ConnectionId) {
        let wire = self.wire();
        let mut names = wire.names.lock().unwrap();
        if names.get(name) == Some(&id) {
            names.remove(name);
        }
    }

    fn find(&self, name: Arc<str>) -> BoxFuture<'_, Result<Option<ConnectionId>, Unreachable>> {
        let found = self.wire().names.lock().unwrap().get(&name).copied();
        Box::pin(async move { Ok(found) })
    }

    fn leave(&self) {
        if let Some(wire) = self.wire.upgrade() {
            wire.left.lock().unwrap().push(self.node);
        }
    }
}

impl Pair {
    fn new() -> Self {
        let wire = Arc::<Wire>::default();
        let hub = || {
            let hub = Hub::of(NodeId::random());
            hub.connect(Arc::new(End { node: hub.node, wire: Arc::downgrade(&wire) }));
            Arc::new(hub)
        };
        Self { hubs: [hub(), hub()], wire: wire.clone() }
    }

    async fn carry(&self) {
        loop {
            let under_way = std::mem::take(&mut *self.wire.under_way.lock().unwrap());
            if under_way.is_empty() {
                return;
            }
            for (from, parcel) in under_way {
                let hub = self.hubs.iter().find(|hub| hub.node != from).unwrap();
                match parcel {
                    Parcel::Letter(letter) => hub.receive(letter),
                    Parcel::Publication(publication) => {
                        let _ = hub.publish_from_elsewhere(&publication).await;
                    }
                    Parcel::Attendance(attendance) => hub.present_elsewhere(attendance).await,
                }
            }
        }
    }
}

#[tokio::test]
async fn a_message_reaches_the_one_it_is_for() {
    let hub = Hub::default();
    let (a, b) = (member(&hub), member(&hub));
    hub.send(a.id, b.id, bytes("hello"));
    assert!(a.take_mail().is_none());
    assert!(matches!(b.take_mail(), Some(Mail::Direct { from, .. }) if from == a.id));
    hub.leave(b.id, "").await;
    hub.send(a.id, b.id, bytes("hello"));
    assert_eq!(hub.len(), 1);
}

#[tokio::test]
async fn what_is_published_reaches_subscribers_and_the_publisher_by_choice() {
    let hub = Hub::default();
    let (a, b, c) = (member(&hub), member(&hub), member(&hub));
    hub.subscribe(&a, &"news".into(), Since::Now);
    hub.subscribe(&b, &"news".into(), Since::Now);
    hub.publish(&Publication { to_self: false, ..message("news", Some(a.id)) }).await;
    assert!(a.take_mail().is_none() && b.take_mail().is_some() && c.take_mail().is_none());
    let content = Content::Frame(SharedFrame::new(Message::Text("x".into())));
    hub.publish(&Publication { content, ..message("news", Some(a.id)) }).await;
    assert!(has_frames(&a) && has_frames(&b) && !has_frames(&c));
}

#[tokio::test]
async fn what_comes_from_outside_says_so() {
    let (hub, news) = (Hub::default(), message("news", None));
    let a = member(&hub);
    hub.subscribe(&a, &news.topic, Since::Now);
    assert_eq!(hub.send_from_outside(a.id, bytes("x")), Some(Left::Waiting));
    assert!(matches!(a.take_mail(), Some(Mail::Operator { .. })));
    assert_eq!(hub.publish(&news).await, Published { delivered: 1, dropped: 0 });
    assert!(matches!(a.take_mail(), Some(Mail::Published { from: None, .. })));
    a.close();
    assert_eq!(hub.publish(&news).await.dropped, 1);
    hub.leave(a.id, "").await;
    assert_eq!(hub.publish(&news).await, Published::default());
    assert_eq!(hub.send_from_outside(a.id, bytes("x")), None);
}

#[tokio::test]
async fn whoever_matches_by_several_patterns_gets_it_once() {
    let hub = Hub::default();
    let (a, b) = (member(&hub), member(&hub));
    for pattern in ["r.1", "r.*", ">"] {
        hub.subscribe(&a, &pattern.into(), Since::Now);
    }
    hub.subscribe(&b, &"r.*".into(), Since::Now);
    assert_eq!(hub.publish(&message("r.1", None)).await.delivered, 2);
    hub.unsubscribe(&a, &"r.*".into());
    // Others of its patterns match.
    assert!(a.take_mail().is_some() && a.take_mail().is_none());
    assert_eq!(hub.publish(&message("r.1", None)).await.delivered, 2);
    hub.unsubscribe(&a, &"r.1".into());
    hub.unsubscribe(&a, &">".into());
    assert!(a.take_mail().is_none());
}

#[test]
fn a_gap_goes_with_its_subscription() {
    let hub = Hub::default();
    let a = member(&hub);
    let since = Since::After("0".repeat(32).parse().unwrap());
    hub.subscribe(&a, &">".into(), Since::Now);
    for topic in ["x", "x", "y"] {
        hub.subscribe(&a, &topic.into(), since);
        assert_eq!(a.mail(), 1);
        hub.unsubscribe(&a, &topic.into());
        assert_eq!(a.mail(), 0);
    }
    hub.subscribe(&a, &"x".into(), since);
    hub.unsubscribe(&a, &">".into());
    assert!(matches!(a.take_mail(), Some(Mail::Gap { .. })));
}

#[tokio::test]
async fn what_a_connection_had_is_gone_with_it() {
    let hub = Hub::default();
    let (a, b) = (member(&hub), member(&hub));
    for pattern in ["news", "r.*"] {
        hub.subscribe(&a, &pattern.into(), Since::Now);
    }
    hub.enter(a.id, &"room".into(), "".into()).await;
    hub.watch(a.id, &"room".into(), WatchAs::Frames);
    hub.monitor(a.id, b.id);
    hub.call(a.id, b.id, 1, bytes("?"));
    assert_eq!(hub.register(a.id, "ann".into()).await, Ok(true));
    hub.leave(a.id, "").await;
    assert!(hub.topics.is_empty() && hub.rooms.is_empty() && hub.names.is_empty());
    assert!(hub.watches.is_empty() && hub.ties.is_empty());
    hub.leave(b.id, "").await;
    assert!(hub.is_empty());
}

#[tokio::test]
async fn a_name_is_of_one() {
    let hub = Hub::default();
    let (a, b) = (member(&hub), member(&hub));
    assert_eq!(hub.register(a.id, "ann".into()).await, Ok(true));
    assert_eq!(hub.register(a.id, "ann".into()).await, Ok(true));
    assert_eq!(hub.register(b.id, "ann".into()).await, Ok(false));
    assert!(!hub.unregister(b.id, &"ann".into()));
    assert_eq!(hub.lookup("ann".into()).await, Ok(Some(a.id)));
    assert!(hub.unregister(a.id, &"ann".into()));
    assert_eq!(hub.lookup("ann".into()).await, Ok(None));
    assert_eq!(hub.register(b.id, "ann".into()).await, Ok(true));
}

#[tokio::test]
async fn the_end_of_a_connection_is_told_once() {
    let hub = Hub::default();
    let (a, b) = (member(&hub), member(&hub));
    hub.monitor(a.id, b.id);
    hub.monitor(a.id, b.id);
    hub.send(b.id, a.id, bytes("last"));
    hub.leave(b.id, "closed").await;
    assert!(matches!(a.take_mail(), Some(Mail::Direct { .. })));
    assert!(
        matches!(a.take_mail(), Some(Mail::Down { id, reason }) if id == b.id && *reason == *"closed")
    );
    assert!(a.take_mail().is_none());
    hub.monitor(a.id, b.id);
    assert!(
        matches!(a.take_mail(), Some(Mail::Down { reason, .. }) if *reason == *"no connection")
    );
    // What is taken back isn't told, also where it waits by then.
    let c = member(&hub);
    hub.monitor(a.id, c.id);
    hub.leave(c.id, "closed").await;
    hub.demonitor(&a, c.id);
    assert!(a.take_mail().is_none());
}

fn answer(mailbox: &Mailbox, call: u64) -> Result<Bytes, NoAnswer> {
    match mailbox.take_mail() {
        Some(Mail::Reply { call: of, answer }) if of == call => answer,
        other => panic!("{other:?} is no answer to {call}"),
    }
}

#[tokio::test]
async fn a_call_is_answered_by_the_one_that_was_asked() {
    let hub = Hub::default();
    let (a, b, c) = (member(&hub), member(&hub), member(&hub));
    hub.call(a.id, b.id, 1, bytes("?"));
    assert!(matches!(b.take_mail(), Some(Mail::Call { from, call: 1, .. }) if from == a.id));
    hub.reply(c.id, a.id, 1, bytes("not asked"));
    hub.reply(b.id, a.id, 2, bytes("never asked"));
    hub.reply(b.id, a.id, 1, bytes("!"));
    hub.reply(b.id, a.id, 1, bytes("again"));
    assert_eq!(answer(&a, 1), Ok(bytes("!")));
    hub.call(a.id, b.id, 2, bytes("?"));
    hub.give_up(a.id, 2);
    hub.reply(b.id, a.id, 2, bytes("late"));
    assert!(a.take_mail().is_none());
}

#[tokio::test]
async fn a_call_that_nobody_answers_is_told() {
    let hub = Hub::default();
    let (a, b) = (member(&hub), member(&hub));
    hub.call(a.id, b.id, 1, bytes("?"));
    hub.leave(b.id, "closed").await;
    assert_eq!(answer(&a, 1), Err(NoAnswer::NoConnection));
    hub.call(a.id, b.id, 2, bytes("?"));
    assert_eq!(answer(&a, 2), Err(NoAnswer::NoConnection));
    let deaf = member(&hub);
    deaf.set_takes_mail(false);
    hub.call(a.id, deaf.id, 3, bytes("?"));
    assert_eq!(answer(&a, 3), Err(NoAnswer::NoRoom));
    assert!(hub.watches.is_empty());
}

#[tokio::test]
async fn it_makes_no_difference_where_a_connection_is() {
    let pair = Pair::new();
    let [here, there] = &pair.hubs;
    let (a, b) = (member(here), member(there));
    here.send(a.id, b.id, bytes("hello"));
    here.call(a.id, b.id, 1, bytes("?"));
    here.monitor(a.id, b.id);
    pair.carry().await;
    assert!(matches!(b.take_mail(), Some(Mail::Direct { .. })));
    there.reply(b.id, a.id, 1, bytes("!"));
    pair.carry().await;
    assert_eq!(answer(&a, 1), Ok(bytes("!")));
    here.call(a.id, b.id, 2, bytes("?"));
    pair.carry().await;
    there.leave(b.id, "closed").await;
    pair.carry().await;
    let mails = [a.take_mail(), a.take_mail()];
    assert!(mails.iter().any(|mail| matches!(mail, Some(Mail::Down { .. }))), "{mails:?}");
    let no_connection = |mail: &Option<Mail>| {
        matches!(mail, Some(Mail::Reply { answer: Err(NoAnswer::NoConnection), .. }))
    };
    assert!(mails.iter().any(no_connection), "{mails:?}");
    // One that isn't there was not there either.
    here.monitor(a.id, b.id);
    pair.carry().await;
    assert!(matches!(a.take_mail(), Some(Mail::Down { .. })));
}

#[tokio::test]
async fn topics_names_and_presence_are_of_all_nodes() {
    let pair = Pair::new();
    let [here, there] = &pair.hubs;
    let (a, b) = (member(here), member(there));
    there.subscribe(&b, &"r.*".into(), Since::Now);
    here.publish(&message("r.1", Some(a.id))).await;
    there.watch(b.id, &"room".into(), WatchAs::Messages);
    assert_eq!(here.register(a.id, "ann".into()).await, Ok(true));
    here.enter(a.id, &"room".into(), "hi".into()).await;
    pair.carry().await;
    assert!(matches!(b.take_mail(), Some(Mail::Published { from, .. }) if from == Some(a.id)));
    assert!(matches!(
        b.take_mail(),
        Some(Mail::Presence { change: Change::Joined, present, .. }) if present.id == a.id
    ));
    assert_eq!(there.present("room", None, 9).len(), 1);
    assert_eq!(there.lookup("ann".into()).await, Ok(Some(a.id)));
    assert_eq!(there.register(b.id, "ann".into()).await, Ok(false));
    here.leave(a.id, "").await;
    pair.carry().await;
    assert!(matches!(b.take_mail(), Some(Mail::Presence { change: Change::Left, .. })));
    assert_eq!(there.register(b.id, "ann".into()).await, Ok(true));
}

#[tokio::test]
async fn who_has_a_name_keeps_it_by_asking_again() {
    let pair = Pair::new();
    let [here, there] = &pair.hubs;
    let (a, b) = (member(here), member(there));
    assert_eq!(here.register(a.id, "ann".into()).await, Ok(true));
    pair.wire.cut.store(true, SeqCst);
    assert_eq!(here.register(a.id, "ann".into()).await, Ok(true));
    pair.wire.cut.store(false, SeqCst);
    assert_eq!(there.register(b.id, "ann".into()).await, Ok(false));
    here.leave(a.id, "").await;
    assert_eq!(there.register(b.id, "ann".into()).await, Ok(true));
}

#[tokio::test]
async fn with_a_node_all_of_it_is_gone() {
    let pair = Pair::new();
    let [here, there] = &pair.hubs;
    let (a, b) = (member(here), member(there));
    there.enter(b.id, &"room".into(), "".into()).await;
    there.monitor(b.id, a.id);
    here.monitor(a.id, b.id);
    here.call(a.id, b.id, 1, bytes("?"));
    here.watch(a.id, &"room".into(), WatchAs::Messages);
    pair.carry().await;
    assert!(matches!(a.take_mail(), Some(Mail::Presence { change: Change::Joined, .. })));
    here.lost(there.node).await;
    assert!(matches!(a.take_mail(), Some(Mail::Down { id, .. }) if id == b.id));
    assert_eq!(answer(&a, 1), Err(NoAnswer::NoConnection));
    assert!(matches!(a.take_mail(), Some(Mail::Presence { change: Change::Left, .. })));
    assert!(here.watches.is_empty() && here.present("room", None, 9).is_empty());
    // It was not gone: what it says late isn't told twice.
    there.leave(b.id, "closed").await;
    pair.carry().await;
    assert!(a.take_mail().is_none());
}

#[tokio::test]
async fn without_a_way_to_other_nodes_it_is_said() {
    let pair = Pair::new();
    let [here, there] = &pair.hubs;
    let (a, b) = (member(here), member(there));
    assert!(here.reaches(a.id) && here.reaches(b.id));
    pair.wire.cut.store(true, SeqCst);
    assert!(here.reaches(a.id) && !here.reaches(b.id));
    assert_eq!(here.register(a.id, "ann".into()).await, Err(Unreachable));
    assert!(here.names.is_empty());
}

#[tokio::test]
async fn what_is_too_long_for_other_nodes_is_known() {
    let pair = Pair::new();
    let [here, there] = &pair.hubs;
    let (a, b) = (member(here), member(there));
    assert!(
        here.is_too_long(Some(b.id), PAYLOAD_MAX + 1) && here.is_too_long(None, PAYLOAD_MAX + 1)
    );
    assert!(!here.is_too_long(Some(b.id), PAYLOAD_MAX));
    assert!(!here.is_too_long(Some(a.id), PAYLOAD_MAX + 1));
    assert!(!Hub::default().is_too_long(None, PAYLOAD_MAX + 1));
}

#[tokio::test]
async fn what_comes_from_elsewhere_is_within_the_limits() {
    let mut config = Config::default();
    config.set("topic_max_bytes=5").unwrap();
    config.set("topic_tokens_max=2").unwrap();
    config.set("payload_max_bytes=3").unwrap();
    let hub = Hub::default();
    hub.configure(&Tenant::test(config));
    let a = member(&hub);
    hub.subscribe(&a, &">".into(), Since::Now);
    let publish = async |topic, payload| {
        let content = Content::Message(bytes(payload));
        let publication = Publication { content, ..message(topic, None) };
        hub.publish_from_elsewhere(&publication).await.is_ok()
    };
    assert!(publish("ab.cd", "xyz").await && a.take_mail().is_some());
    for (topic, payload) in [("ab.cde", "x"), ("a.b.c", "x"), ("a", "wxyz")] {
        assert!(!publish(topic, payload).await && a.take_mail().is_none(), "{topic} {payload}");
    }
}

#[tokio::test]
async fn a_hub_says_that_it_goes() {
    let pair = Pair::new();
    let (wire, node) = (pair.wire.clone(), pair.hubs[0].node);
    assert!(wire.left.lock().unwrap().is_empty());
    let Pair { hubs: [here, _there], .. } = pair;
    drop(here);
    assert_eq!(*wire.left.lock().unwrap(), [node]);
}

#[tokio::test]
async fn monitors_are_renewed_while_they_are_wanted() {
    let pair = Pair::new();
    let [here, there] = &pair.hubs;
    let (a, b, c) = (member(here), member(there), member(there));
    here.monitor(a.id, b.id);
    here.monitor(a.id, c.id);
    pair.wire.under_way.lock().unwrap().clear();
    let mut monitors = here.monitors(|node| node == there.node);
    monitors.sort();
    let mut both = vec![(a.id, b.id), (a.id, c.id)];
    both.sort();
    assert_eq!(monitors, both);
    here.demonitor(&a, c.id);
    for (by, of) in monitors {
        here.renew_monitor(by, of);
    }
    pair.carry().await;
    there.leave(b.id, "closed").await;
    there.leave(c.id, "closed").await;
    pair.carry().await;
    assert!(matches!(a.take_mail(), Some(Mail::Down { id, .. }) if id == b.id));
    assert!(a.take_mail().is_none());
}

#[test]
fn pages_have_everybody_once_and_in_order() {
    let hub = Hub::default();
    let mut ids: Vec<_> = (0..100).map(|_| member(&hub).id).collect();
    ids.sort_unstable();
    let mut seen = Vec::new();
    while let page = hub.page(seen.last().copied(), 30)
        && !page.is_empty()
    {
        assert!(page.len() == 30 || seen.len() == 90);
        seen.extend(page.iter().map(|mailbox| mailbox.id));
    }
    assert_eq!(seen, ids);
}

#[test]
fn a_shutdown_reaches_those_that_come_later_too() {
    let hub = Hub::default();
    let before = member(&hub);
    let told = hub.shut_down();
    assert!(told.iter().any(|told| Weak::ptr_eq(told, &Arc::downgrade(&before))));
    before.shut_down();
    let after = member(&hub);
    for mailbox in [before, after] {
        let urgent = mailbox.poll_urgent(&Context::from_waker(Waker::noop()), 1000);
        assert!(matches!(urgent, Some(Urgent::Shutdown)));
    }
}
