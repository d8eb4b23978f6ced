//! Topics of several tokens, and patterns with wildcards.

use wshost_tests::{Host, Mode, each_mode};

use crate::{has_nothing, subscribed};

each_mode![
    a_pattern_stands_for_topics,
    overlapping_patterns_deliver_once,
    unsubscribing_one_pattern_leaves_the_others,
    what_waits_by_another_pattern_stays,
    a_pattern_is_checked,
    tokens_are_limited,
];

async fn a_pattern_stands_for_topics(mode: Mode) {
    let host = Host::shared().await;
    let ([mut any, mut rest, mut both], [first, ..], _) = subscribed::<3>(mode, &host).await;
    assert_eq!(any.ask(format!("sub:{first}.*;text:in")).await, "in");
    assert_eq!(rest.ask(format!("sub:{first}.>;text:in")).await, "in");
    assert_eq!(both.ask(format!("sub:*.{first}.*.b.>;text:in")).await, "in");
    let mut publisher = mode.ask(&host).open().await;
    let topics = [
        first.clone(),
        format!("{first}.a"),
        format!("{first}.a.b"),
        format!("x.{first}.a.b"),
        format!("x.{first}.a.b.c"),
        format!("{first}.b"),
    ];
    for (number, topic) in topics.iter().enumerate() {
        publisher.say(format!("pub:{topic}:{number};msg:{topic}:m")).await;
    }
    let from = publisher.id().await;
    let message = |number: usize| format!("published {} {from} m", topics[number]);
    for (client, numbers) in
        [(&mut any, &[1, 5][..]), (&mut rest, &[1, 2, 5][..]), (&mut both, &[4][..])]
    {
        let mut came = Vec::new();
        for _ in 0..2 * numbers.len() {
            came.push(client.text().await);
        }
        let (mut messages, mut frames) = (Vec::new(), Vec::new());
        for text in came {
            if text.starts_with("published") { &mut messages } else { &mut frames }.push(text);
        }
        let expected: Vec<_> = numbers.iter().map(ToString::to_string).collect();
        assert_eq!(frames, expected);
        let expected: Vec<_> = numbers.iter().map(|number| message(*number)).collect();
        assert_eq!(messages, expected);
        has_nothing(client).await;
    }
}

async fn overlapping_patterns_deliver_once(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], [id, _], _) = subscribed::<2>(mode, &host).await;
    let patterns =
        [format!("{id}.a.x"), format!("{id}.*.x"), format!("{id}.>"), format!("{id}.a.*")];
    let script: String = patterns.iter().map(|pattern| format!("sub:{pattern};")).collect();
    assert_eq!(a.ask(script + "text:in").await, "in");
    b.say(format!("pub:{id}.a.x:1;msg:{id}.a.x:2;pub:{id}.y:3")).await;
    let mut came = [a.text().await, a.text().await, a.text().await];
    came.sort();
    assert_eq!(came, ["1", "3", &format!("published {id}.a.x {} 2", b.id().await)]);
    has_nothing(&mut a).await;
}

async fn unsubscribing_one_pattern_leaves_the_others(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], [id, _], _) = subscribed::<2>(mode, &host).await;
    assert_eq!(a.ask(format!("sub:{id}.*;sub:{id}.x;unsub:{id}.*;text:in")).await, "in");
    b.say(format!("pub:{id}.y:1;pub:{id}.x:2")).await;
    a.texts(&["2"]).await;
    assert_eq!(a.ask(format!("unsub:{id}.x;text:out")).await, "out");
    b.say(format!("pub:{id}.x:3;text:done")).await;
    b.texts(&["done"]).await;
    has_nothing(&mut a).await;
}

async fn what_waits_by_another_pattern_stays(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a], [id], _) = subscribed::<1>(mode, &host).await;
    let script =
        format!("sub:{id}.*;sub:{id}.x;msg:{id}.x:stays;msg:{id}.y:goes;unsub:{id}.*;text:first");
    a.say(script).await;
    a.texts(&["first", &format!("published {id}.x {id} stays")]).await;
    has_nothing(&mut a).await;
}

async fn a_pattern_is_checked(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    for topic in ["a..b", ".a", "a.", "a.*", ">", "*"] {
        for word in ["pub", "msg", "enter"] {
            let answer = client.ask(format!("{word}:{topic}:x")).await;
            assert!(answer.starts_with("error invalid "), "{word} {topic}: {answer}");
        }
    }
    for pattern in ["a..b", ">.a", "a.>.b"] {
        let answer = client.ask(format!("sub:{pattern}")).await;
        assert!(answer.starts_with("error invalid "), "{pattern}: {answer}");
    }
    let answer = client.ask("sub-last:1:a.*").await;
    assert!(answer.starts_with("error invalid "), "{answer}");
    let answer = client.ask("sub-after:nowhere:a").await;
    assert!(answer.starts_with("error invalid "), "{answer}");
}

async fn tokens_are_limited(mode: Mode) {
    let host = Host::of("scripted").set("topic_tokens_max=2").start().await;
    let mut client = mode.ask(&host).open().await;
    assert_eq!(client.ask("sub:a.b;pub:a.b:in").await, "in");
    assert_eq!(client.ask("sub:a.b.c").await, "error limit topic_tokens_max");
    assert_eq!(client.ask("pub:a.b.c:x").await, "error limit topic_tokens_max");
}
