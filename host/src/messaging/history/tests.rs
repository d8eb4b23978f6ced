//! What is kept, for how long, and what is told of the rest.

use bytes::Bytes;

use super::*;
use crate::config::Config;

const MINUTE: Duration = Duration::from_secs(60);

fn history(settings: &[&str], count: usize, age: Option<Duration>) -> (History, Arc<Log>) {
    let mut config = Config::default();
    for setting in settings {
        config.set(setting).unwrap();
    }
    let rules = Rules::new([Rule { pattern: "a.>".into(), count, age }]);
    let history = History::new(7);
    history.configure(&Tenant::test_with_history(config, rules));
    let log = history.log(&"a.b".into()).unwrap();
    (history, log)
}

fn message(payload: &'static str) -> Publication {
    let content = Content::Message(Bytes::from_static(payload.as_bytes()));
    Publication { topic: "a.b".into(), from: None, to_self: true, content }
}

fn keep(history: &History, log: &Log, payload: &'static str, now: Instant) -> Position {
    history.keep(log, &message(payload), || (), now).0
}

/// What a new subscriber gets, and whether something is missing.
fn past(history: &History, topic: &str, since: Since, now: Instant) -> (Vec<String>, bool) {
    let (topic, mut got) = (&topic.into(), (Vec::new(), false));
    history.past(topic, since, ConnectionId::random(), now, |past| {
        let payload = |mail| match mail {
            Mail::Published { payload, .. } => String::from_utf8(payload.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        };
        got = (past.mail.into_iter().map(payload).collect(), past.missing);
    });
    got
}

fn these(payloads: &[&str]) -> Vec<String> {
    payloads.iter().map(|payload| (*payload).to_owned()).collect()
}

#[test]
fn the_last_ones_are_kept() {
    let ((history, log), now) = (history(&[], 2, None), Instant::now());
    let positions = ["1", "2", "3"].map(|payload| keep(&history, &log, payload, now));
    let past = |since| past(&history, "a.b", since, now);
    assert_eq!(past(Since::Now), (vec![], false));
    assert_eq!(past(Since::Last(1)), (these(&["3"]), false));
    assert_eq!(past(Since::Last(9)), (these(&["2", "3"]), false));
    assert_eq!(past(Since::After(positions[2])), (vec![], false));
    assert_eq!(past(Since::After(positions[1])), (these(&["3"]), false));
    assert_eq!(past(Since::After(positions[0])), (these(&["2", "3"]), false));
    let before = Position { sequence: 0, ..positions[0] };
    assert_eq!(past(Since::After(before)), (these(&["2", "3"]), true));
}

#[test]
fn a_position_of_another_count_is_told_as_a_gap() {
    let ((history, log), now) = (history(&[], 2, None), Instant::now());
    let position = keep(&history, &log, "1", now);
    for other in [Position { epoch: 8, ..position }, Position { sequence: 2, ..position }] {
        let since = Since::After(other);
        assert_eq!(past(&history, "a.b", since, now), (these(&["1"]), true));
    }
    assert_eq!(position.to_string().parse(), Ok(position));
    for none in ["", "1", &position.to_string()[1..], &format!("{position}0"), &"é".repeat(16)] {
        assert_eq!(none.parse::<Position>(), Err(InvalidPosition), "{none}");
    }
}

#[test]
fn what_is_old_is_not_given() {
    let ((history, log), now) = (history(&[], 9, Some(MINUTE)), Instant::now());
    let first = keep(&history, &log, "1", now);
    let second = keep(&history, &log, "2", now + MINUTE / 2);
    let past = |since, now| past(&history, "a.b", since, now);
    assert_eq!(past(Since::Last(9), now + MINUTE), (these(&["2"]), false));
    assert_eq!(past(Since::After(first), now + 2 * MINUTE), (vec![], true));
    assert_eq!(past(Since::After(second), now + 2 * MINUTE), (vec![], false));
    assert_eq!(history.bytes.load(Relaxed), 0);
}

#[test]
fn what_all_histories_take_is_limited() {
    let room = format!("history_max_bytes={}", 2 * bytes_of(&message("1")));
    let ((history, log), now) = (history(&[&room], 9, Some(MINUTE)), Instant::now());
    let other = history.log(&"a.c".into()).unwrap();
    let positions = ["1", "2", "3"].map(|payload| keep(&history, &log, payload, now));
    assert_eq!(past(&history, "a.b", Since::Last(9), now).0, these(&["2", "3"]));
    // Nothing can be kept of this one, and nobody takes that for all there was.
    let elsewhere = keep(&history, &other, "4", now);
    assert_eq!(past(&history, "a.c", Since::Last(9), now).0, these(&[]));
    assert_eq!(past(&history, "a.c", Since::After(positions[2]), now), (vec![], true));
    assert_eq!(past(&history, "a.c", Since::After(elsewhere), now), (vec![], false));
    // What is old elsewhere makes room.
    keep(&history, &other, "5", now + MINUTE);
    assert_eq!(past(&history, "a.c", Since::Last(9), now + MINUTE).0, these(&["5"]));
    drop((log, other));
    assert_eq!(history.bytes.load(Relaxed), bytes_of(&message("5")));
    history.configure(&Tenant::test(Config::default()));
    assert_eq!(history.bytes.load(Relaxed), 0);
    assert!(history.log(&"a.b".into()).is_none());
}

#[test]
fn who_published_for_others_does_not_get_it_later() {
    let ((history, log), now) = (history(&[], 9, None), Instant::now());
    let from = ConnectionId::random();
    let publication = Publication { from: Some(from), to_self: false, ..message("1") };
    history.keep(&log, &publication, || (), now);
    for (subscriber, count) in [(from, 0), (ConnectionId::random(), 1)] {
        history.past(&"a.b".into(), Since::Last(9), subscriber, now, |past| {
            assert_eq!(past.mail.len(), count);
        });
    }
}

#[test]
fn topics_of_which_nothing_is_kept_take_no_room() {
    let ((history, log), now) = (history(&[], 9, None), Instant::now());
    let position = keep(&history, &log, "1", now);
    drop(log);
    for topic in 0..10_000 {
        past(&history, &format!("a.{topic}"), Since::Last(9), now);
        assert!(history.logs.len() <= LOGS_MIN, "{topic}");
    }
    assert_eq!(past(&history, "a.b", Since::Last(9), now), (these(&["1"]), false));
    assert_eq!(past(&history, "a.b", Since::After(position), now), (vec![], false));
    // As many are looked at again as there are that hold something.
    for topic in 0..LOGS_MIN {
        let topic = Arc::from(format!("a.kept.{topic}"));
        let log = history.log(&topic).unwrap();
        let publication = Publication { topic, ..message("2") };
        history.keep(&log, &publication, || (), now);
    }
    for topic in 0..10_000 {
        past(&history, &format!("a.{topic}"), Since::Last(9), now);
        assert!(history.logs.len() <= 4 * LOGS_MIN, "{topic}");
    }
    assert!(history.logs.len() > LOGS_MIN);
}

#[test]
fn what_was_missed_is_told() {
    let ((history, log), now) = (history(&[], 2, None), Instant::now());
    let before = keep(&history, &log, "1", now);
    history.missed();
    let behind = keep(&history, &log, "2", now);
    let past = |topic, position| past(&history, topic, Since::After(position), now);
    assert_eq!(past("a.b", before), (these(&["2"]), true));
    assert_eq!(past("a.b", behind), (vec![], false));
    // Also of topics that nothing is known of.
    assert_eq!(past("a.c", before), (vec![], true));
    // What is dropped later makes nothing whole.
    history.missed();
    keep(&history, &log, "3", now);
    let last = keep(&history, &log, "4", now);
    assert_eq!(past("a.b", behind), (these(&["3", "4"]), true));
    assert_eq!(past("a.b", last), (vec![], false));
}
