//! What a handler may ask for, and when.

use super::*;
use crate::{
    messaging::NoAnswer,
    sandbox::bindings::wshost::handler::{
        topics::Since as AskedSince, types::FrameResult as Frame,
    },
    tenant::Total,
};

fn open() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.open(Seat { hub: Arc::default(), id: ConnectionId::random() });
    ledger
}

fn subscribe(ledger: &mut Ledger, tenant: &Arc<Tenant>, pattern: &str) -> Result<(), Error> {
    ledger.subscribe(tenant, pattern, AskedSince::Now)
}

fn are_not_open<T>(results: impl IntoIterator<Item = Result<T, Error>>) -> bool {
    results.into_iter().all(|result| matches!(result, Err(Error::NotOpen)))
}

/// What becomes of asking for all that tells others something.
fn tell(ledger: &mut Ledger, tenant: &Arc<Tenant>) -> [Result<(), Error>; 5] {
    let id = &ConnectionId::random().to_string();
    [
        ledger.send(tenant, id, vec![]),
        ledger.reply(tenant, id, 1, vec![]),
        ledger.publish_message(tenant, "a", vec![], false),
        ledger.publish_frame(tenant, "a", Frame::Text("x".into()), false),
        ledger.lookup(tenant, "a").map(drop),
    ]
}

/// What becomes of asking for all that something comes of later, and of taking it back.
fn ask(ledger: &mut Ledger, tenant: &Arc<Tenant>) -> [Result<(), Error>; 12] {
    let id = &ConnectionId::random().to_string();
    [
        ledger.start_timer(tenant, 1, vec![]).map(drop),
        ledger.call(tenant, id, vec![], 1).map(drop),
        ledger.monitor(tenant, id),
        ledger.demonitor(tenant, id),
        subscribe(ledger, tenant, "a"),
        ledger.unsubscribe(tenant, "a"),
        ledger.enter(tenant, "a", String::new()),
        ledger.leave(tenant, "a"),
        ledger.watch(tenant, "a").map(drop),
        ledger.unwatch(tenant, "a").map(drop),
        ledger.register(tenant, "a").map(drop),
        ledger.unregister(tenant, "a").map(drop),
    ]
}

#[test]
fn nothing_can_be_asked_for_in_init() {
    let (tenant, mut ledger) = (Tenant::test(Config::default()), Ledger::default());
    assert!(are_not_open(ask(&mut ledger, &tenant)) && are_not_open(tell(&mut ledger, &tenant)));
    assert!(ledger.commit(Instant::now).is_empty());
}

#[test]
fn terminate_can_tell_others_only() {
    let (tenant, mut ledger) = (Tenant::test(Config::default()), open());
    ledger.phase = Phase::Ending;
    assert!(are_not_open(ask(&mut ledger, &tenant)));
    assert!(tell(&mut ledger, &tenant).iter().all(Result::is_ok));
    assert_eq!(ledger.commit(Instant::now).len(), 4);
    // As what is open can.
    ledger.phase = Phase::Open;
    assert!(ask(&mut ledger, &tenant).iter().all(Result::is_ok));
}

#[test]
fn what_is_not_valid_is_refused() {
    let (tenant, mut ledger) = (Tenant::test(Config::default()), open());
    assert!(matches!(ledger.send(&tenant, "me", vec![]), Err(Error::Invalid(_))));
    assert!(matches!(subscribe(&mut ledger, &tenant, ""), Err(Error::Invalid(_))));
    assert!(matches!(subscribe(&mut ledger, &tenant, "a\nb"), Err(Error::Invalid(_))));
    assert!(matches!(ledger.start_timer(&tenant, 0, vec![]), Err(Error::Invalid(_))));
    assert!(matches!(ledger.start_timer(&tenant, u64::MAX, vec![]), Err(Error::Invalid(_))));
    let ping = Frame::Ping(vec![0; 126]);
    assert!(matches!(ledger.publish_frame(&tenant, "a", ping, false), Err(Error::Invalid(_))));
    assert!(ledger.commit(Instant::now).is_empty());
}

#[test]
fn every_limit_is_named() {
    let mut config = Config::default();
    for setting in [
        "effects_max=2",
        "effects_max_bytes=10",
        "payload_max_bytes=8",
        "subscriptions_max=1",
        "timers_max=1",
        "topic_max_bytes=3",
    ] {
        config.set(setting).unwrap();
    }
    let tenant = Tenant::test(config);
    let name = |result: Result<(), Error>| match result {
        Err(Error::Limit(name)) => name,
        other => panic!("{other:?} is no limit"),
    };
    let mut ledger = open();
    assert_eq!(name(subscribe(&mut ledger, &tenant, "long")), "topic_max_bytes");
    subscribe(&mut ledger, &tenant, "a").unwrap();
    subscribe(&mut ledger, &tenant, "a").unwrap();
    assert_eq!(name(subscribe(&mut ledger, &tenant, "b")), "subscriptions_max");
    assert_eq!(name(ledger.publish_message(&tenant, "a", vec![0; 9], true)), "payload_max_bytes");
    ledger.publish_message(&tenant, "a", vec![0; 8], true).unwrap();
    assert_eq!(name(ledger.publish_message(&tenant, "a", vec![], true)), "effects_max");
    assert_eq!(ledger.commit(Instant::now).len(), 2);
    ledger.publish_message(&tenant, "a", vec![0; 8], true).unwrap();
    assert_eq!(name(ledger.publish_message(&tenant, "a", vec![0; 8], true)), "effects_max_bytes");
    ledger.start_timer(&tenant, 1, vec![]).unwrap();
    assert_eq!(name(ledger.start_timer(&tenant, 1, vec![]).map(drop)), "timers_max");
}

#[test]
fn what_a_plugin_has_in_all_is_limited_too() {
    let mut config = Config::default();
    for setting in
        ["plugin_timers_max=2", "plugin_timers_max_bytes=9", "plugin_subscriptions_max=2"]
    {
        config.set(setting).unwrap();
    }
    let tenant = Tenant::test(config);
    let (mut first, mut second) = (open(), open());
    first.start_timer(&tenant, 1, vec![0; 5]).unwrap();
    assert!(matches!(second.start_timer(&tenant, 1, vec![0; 5]), Err(Error::Limit(_))));
    let timer = second.start_timer(&tenant, 1, vec![0; 4]).unwrap();
    assert!(matches!(first.start_timer(&tenant, 1, vec![]), Err(Error::Limit(_))));
    second.timers.cancel(timer);
    second.commit(Instant::now);
    first.start_timer(&tenant, 1, vec![0; 4]).unwrap();
    first.commit(Instant::now);
    let later = Instant::now() + Duration::from_millis(2);
    assert!(first.fire(later).is_some());
    assert_eq!(tenant.totals.timers.used(), 1);

    subscribe(&mut first, &tenant, "a").unwrap();
    subscribe(&mut second, &tenant, "a").unwrap();
    assert!(matches!(subscribe(&mut second, &tenant, "b"), Err(Error::Limit(_))));
    drop(first);
    subscribe(&mut second, &tenant, "b").unwrap();
    drop(second);
    let totals = &tenant.totals;
    let used = [&totals.timers, &totals.timer_bytes, &totals.subscriptions].map(Total::used);
    assert_eq!(used, [0, 0, 0]);
}

#[test]
fn what_moves_to_another_version_counts_there() {
    let version = || {
        let mut config = Config::default();
        config.set("plugin_timers_max=2").unwrap();
        Tenant::test(config)
    };
    let (before, after, mut ledger) = (version(), version(), open());
    let used = |tenant: &Tenant| [tenant.totals.timers.used(), tenant.totals.subscriptions.used()];
    for _ in 0..2 {
        ledger.start_timer(&before, 1, vec![]).unwrap();
    }
    subscribe(&mut ledger, &before, "a").unwrap();
    assert_eq!(used(&before), [2, 1]);
    ledger.move_to(&after);
    assert_eq!((used(&before), used(&after)), ([0, 0], [2, 1]));
    assert!(ledger.start_timer(&after, 1, vec![]).is_err());
    subscribe(&mut ledger, &after, "b").unwrap();
    ledger.unsubscribe(&after, "a").unwrap();
    ledger.commit(Instant::now);
    assert_eq!((used(&before), used(&after)), ([0, 0], [2, 1]));
    drop(ledger);
    assert_eq!((used(&before), used(&after)), ([0, 0], [0, 0]));
    // One that has more than the new version allows keeps it.
    let (mut first, mut second) = (open(), open());
    for ledger in [&mut first, &mut second] {
        let tenant = version();
        for _ in 0..2 {
            ledger.start_timer(&tenant, 1, vec![]).unwrap();
        }
        ledger.move_to(&after);
    }
    assert_eq!(used(&after), [4, 0]);
    assert!(first.start_timer(&after, 1, vec![]).is_err());
    subscribe(&mut first, &after, "a").unwrap();
    assert_eq!(used(&after), [4, 1]);
}

#[test]
fn ties_are_limited_one_by_one() {
    let mut config = Config::default();
    for setting in [
        "topic_tokens_max=1",
        "monitors_max=1",
        "calls_max=1",
        "timers_max=1",
        "name_max_bytes=2",
        "names_max=1",
        "presences_max=1",
        "presence_metadata_max_bytes=1",
        "subscriptions_max=2",
    ] {
        config.set(setting).unwrap();
    }
    let (tenant, mut ledger) = (Tenant::test(config), open());
    let (id, other) = (ConnectionId::random().to_string(), ConnectionId::random().to_string());
    let name = |result: Result<(), Error>| match result {
        Err(Error::Limit(name)) => name,
        other => panic!("{other:?} is no limit"),
    };
    assert_eq!(name(subscribe(&mut ledger, &tenant, "a.b")), "topic_tokens_max");
    for _ in 0..2 {
        ledger.monitor(&tenant, &id).unwrap();
        ledger.register(&tenant, "a").unwrap();
        ledger.enter(&tenant, "a", "m".into()).unwrap();
        ledger.watch(&tenant, "a").unwrap();
    }
    assert_eq!(name(ledger.monitor(&tenant, &other)), "monitors_max");
    assert_eq!(name(ledger.register(&tenant, "long").map(drop)), "name_max_bytes");
    assert_eq!(name(ledger.register(&tenant, "b").map(drop)), "names_max");
    assert_eq!(name(ledger.enter(&tenant, "a", "mm".into())), "presence_metadata_max_bytes");
    assert_eq!(name(ledger.enter(&tenant, "b", "m".into())), "presences_max");
    subscribe(&mut ledger, &tenant, "a").unwrap();
    assert_eq!(name(subscribe(&mut ledger, &tenant, "b")), "subscriptions_max");
    assert_eq!(name(ledger.watch(&tenant, "b").map(drop)), "subscriptions_max");
    // Calls and timers are apart.
    ledger.call(&tenant, &id, vec![], 1).unwrap();
    ledger.start_timer(&tenant, 1, vec![]).unwrap();
    assert_eq!(name(ledger.call(&tenant, &id, vec![], 1).map(drop)), "calls_max");
    let totals = &tenant.totals;
    let all = [&totals.subscriptions, &totals.monitors, &totals.names, &totals.presences];
    assert_eq!(all.map(Total::used), [2, 1, 1, 1]);
    drop(ledger);
    assert_eq!(all.map(Total::used), [0; 4]);
}

#[test]
fn what_is_not_wanted_any_more_is_not_admitted() {
    let (tenant, mut ledger) = (Tenant::test(Config::default()), open());
    let id = ConnectionId::random();
    let published = |topic: &str| Mail::Published {
        topic: topic.into(),
        from: None,
        payload: Bytes::new(),
        position: None,
    };
    let down = Mail::Down { id, reason: "".into() };
    assert!(!ledger.admits(&published("a.b")) && !ledger.admits(&down));
    subscribe(&mut ledger, &tenant, "a.*").unwrap();
    ledger.monitor(&tenant, &id.to_string()).unwrap();
    assert!(ledger.admits(&published("a.b")) && !ledger.admits(&published("a")));
    assert!(ledger.admits(&down) && !ledger.admits(&down));
    let call = ledger.call(&tenant, &id.to_string(), vec![], 1).unwrap();
    let reply = Mail::Reply { call, answer: Err(NoAnswer::NoRoom) };
    assert!(ledger.admits(&reply) && !ledger.admits(&reply));
    assert_eq!(tenant.totals.timers.used(), 0);
    // A gap is that of a subscription to the topic alone.
    let gap = || Mail::Gap { topic: "a.b".into() };
    assert!(!ledger.admits(&gap()));
    subscribe(&mut ledger, &tenant, "a.b").unwrap();
    assert!(ledger.admits(&gap()));
    ledger.unsubscribe(&tenant, "a.*").unwrap();
    ledger.unsubscribe(&tenant, "a.b").unwrap();
    assert!(!ledger.admits(&published("a.b")));
}

#[test]
fn patterns_and_positions_are_checked() {
    let (tenant, mut ledger) = (Tenant::test(Config::default()), open());
    let invalid = |result| matches!(result, Err(Error::Invalid(_)));
    let ledger = &mut ledger;
    assert!(invalid(ledger.publish_message(&tenant, "a.*", vec![], true)));
    assert!(invalid(ledger.enter(&tenant, ">", String::new())));
    assert!(invalid(subscribe(ledger, &tenant, "a.>.b")));
    assert!(invalid(ledger.subscribe(&tenant, "a.*", AskedSince::Last(1))));
    assert!(invalid(ledger.subscribe(&tenant, "a", AskedSince::After("1".into()))));
    let id = ConnectionId::random().to_string();
    assert!(invalid(ledger.call(&tenant, &id, vec![], 0).map(drop)));
    assert!(invalid(ledger.register(&tenant, "a\nb").map(drop)));
    assert!(ledger.commit(Instant::now).is_empty());
}
