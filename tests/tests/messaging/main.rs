//! Messages between connections: who gets what, in which order, and what does
//! not arrive.

mod ends;
mod history;
mod names;
mod patterns;
mod presence;

use tokio_tungstenite::tungstenite::Message;
use wshost_tests::{Client, Host, Mode, each_mode};

each_mode![
    a_message_reaches_the_one_it_is_sent_to,
    a_connection_may_send_to_itself,
    a_message_to_nobody_is_dropped,
    messages_arrive_in_the_order_they_were_sent,
    everyone_and_others_are_told_apart,
    who_publishes_need_not_subscribe,
    a_published_frame_calls_no_handler,
    topics_are_told_apart,
    a_second_subscription_changes_nothing,
    after_unsubscribe_nothing_more_arrives,
    unsubscribe_forgets_messages_and_not_frames,
    a_topic_has_a_name,
    effects_come_behind_the_frames_in_call_order,
    effects_of_a_trap_never_happen,
    effects_of_what_took_long_come_in_their_order,
    effects_beside_a_close_happen,
    effects_beside_a_mistake_do_not_depend_on_terminate,
    terminate_can_tell_others,
    terminate_comes_before_the_unsubscription,
    a_full_mailbox_drops_the_newest,
    a_full_mailbox_counts_bytes,
    every_limit_is_named,
    an_effect_over_a_limit_leaves_the_others,
    frames_reach_many_in_the_order_of_their_publisher,
    frames_do_not_come_between_those_of_a_callback,
    frames_do_not_come_before_those_of_opened,
    a_closed_connection_is_no_subscriber,
];

/// Opens connections subscribed to a topic of their own, whose name is returned.
async fn subscribed<const N: usize>(mode: Mode, host: &Host) -> ([Client; N], [String; N], String) {
    let mut clients = Vec::new();
    for _ in 0..N {
        clients.push(mode.ask(host).open().await);
    }
    let mut clients: [Client; N] = clients.try_into().unwrap_or_else(|_| unreachable!());
    let mut ids = [const { String::new() }; N];
    for (id, client) in ids.iter_mut().zip(&mut clients) {
        *id = client.id().await;
    }
    let topic = format!("topic of {}", ids[0]);
    for client in &mut clients {
        assert_eq!(client.ask(format!("sub:{topic};text:in")).await, "in");
    }
    (clients, ids, topic)
}

/// Expects that nothing waits for it: what is asked for next comes next.
async fn has_nothing(client: &mut Client) {
    assert_eq!(client.ask("text:nothing before").await, "nothing before");
    // What it sends itself comes behind what waits in its mailbox.
    let id = client.id().await;
    assert_eq!(client.ask(format!("send:{id}:nothing")).await, format!("direct {id} nothing"));
}

async fn a_message_reaches_the_one_it_is_sent_to(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b, mut c], [from, to, _], _) = subscribed::<3>(mode, &host).await;
    a.say(format!("send:{to}:hello: é")).await;
    assert_eq!(b.text().await, format!("direct {from} hello: é"));
    has_nothing(&mut a).await;
    has_nothing(&mut c).await;
}

async fn a_connection_may_send_to_itself(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    client.say(format!("send:{id}:a;send:{id}:;text:first")).await;
    client.texts(&["first", &format!("direct {id} a"), &format!("direct {id} ")]).await;
}

async fn a_message_to_nobody_is_dropped(mode: Mode) {
    let host = Host::shared().await;
    let mut gone = mode.ask(&host).open().await;
    let id = gone.id().await;
    gone.say("stop").await;
    gone.closed_with(1000).await;
    let mut client = mode.ask(&host).open().await;
    let nobody = "0".repeat(32);
    assert_eq!(client.ask(format!("send:{id}:x;send:{nobody}:x;text:ok")).await, "ok");
    for no_id in ["", "me", &"0".repeat(31), &"X".repeat(32)] {
        let answer = client.ask(format!("send:{no_id}:x")).await;
        assert!(answer.starts_with("error invalid "), "{answer}");
    }
}

async fn messages_arrive_in_the_order_they_were_sent(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], [from, to], topic) = subscribed::<2>(mode, &host).await;
    for round in 0..50 {
        let numbers = (0..6).map(|number| round * 6 + number);
        let word = |number| match number % 2 {
            0 => format!("send:{to}:{number}"),
            _ => format!("msg-others:{topic}:{number}"),
        };
        let script: Vec<String> = numbers.map(word).collect();
        a.say(script.join(";")).await;
    }
    for number in 0..300 {
        let expected = match number % 2 {
            0 => format!("direct {from} {number}"),
            _ => format!("published {topic} {from} {number}"),
        };
        assert_eq!(b.text().await, expected);
    }
}

async fn everyone_and_others_are_told_apart(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], [from, _], topic) = subscribed::<2>(mode, &host).await;
    a.say(format!("pub:{topic}:1;pub-others:{topic}:2;pub:{topic}:3")).await;
    a.texts(&["1", "3"]).await;
    b.texts(&["1", "2", "3"]).await;
    a.say(format!("msg:{topic}:1;msg-others:{topic}:2;msg:{topic}:3")).await;
    let message = |number| format!("published {topic} {from} {number}");
    a.texts(&[&message(1), &message(3)]).await;
    b.texts(&[&message(1), &message(2), &message(3)]).await;
    has_nothing(&mut a).await;
}

async fn who_publishes_need_not_subscribe(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a], _, topic) = subscribed::<1>(mode, &host).await;
    let mut publisher = mode.ask(&host).open().await;
    let from = publisher.id().await;
    publisher.say(format!("pub:{topic}:frame")).await;
    a.texts(&["frame"]).await;
    publisher.say(format!("msg:{topic}:message")).await;
    a.texts(&[&format!("published {topic} {from} message")]).await;
    has_nothing(&mut publisher).await;
}

async fn a_published_frame_calls_no_handler(mode: Mode) {
    let host = Host::shared().await;
    // Were it called, it would trap.
    let mut client = mode.ask(&host).info("trap").open().await;
    let topic = client.id().await;
    client.say(format!("sub:{topic};pub:{topic}:a;pub:{topic}:close:4000")).await;
    client.texts(&["a", "close:4000"]).await;
    assert_eq!(client.ask("count").await, "count 1");
}

async fn topics_are_told_apart(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], [id, _], topic) = subscribed::<2>(mode, &host).await;
    assert_eq!(a.ask(format!("sub:{id};sub:{topic} ✓;text:in")).await, "in");
    b.say(format!("pub:{id}:1;pub:{topic} :2;pub:{topic} ✓:3;pub:{topic}:4")).await;
    a.texts(&["1", "3", "4"]).await;
    b.texts(&["4"]).await;
}

async fn a_second_subscription_changes_nothing(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a], [id], topic) = subscribed::<1>(mode, &host).await;
    a.say(format!("sub:{topic};sub:{topic};pub:{topic}:once")).await;
    a.texts(&["once"]).await;
    a.say(format!("msg:{topic}:once")).await;
    a.texts(&[&format!("published {topic} {id} once")]).await;
    a.say(format!("unsub:{topic};pub:{topic}:never;text:out")).await;
    a.texts(&["out"]).await;
    has_nothing(&mut a).await;
}

async fn after_unsubscribe_nothing_more_arrives(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], _, topic) = subscribed::<2>(mode, &host).await;
    assert_eq!(a.ask(format!("unsub:{topic};unsub:{topic};text:out")).await, "out");
    b.say(format!("pub:{topic}:1;msg-others:{topic}:2")).await;
    b.texts(&["1"]).await;
    has_nothing(&mut a).await;
    assert_eq!(a.ask(format!("sub:{topic};text:in")).await, "in");
    b.say(format!("pub:{topic}:3")).await;
    a.texts(&["3"]).await;
}

async fn unsubscribe_forgets_messages_and_not_frames(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a], [id], topic) = subscribed::<1>(mode, &host).await;
    let publish = format!("msg:{topic}:a message;pub:{topic}:a frame;send:{id}:direct");
    a.say(format!("{publish};unsub:{topic};text:out")).await;
    a.texts(&["out", "a frame", &format!("direct {id} direct")]).await;
    has_nothing(&mut a).await;
}

async fn a_topic_has_a_name(mode: Mode) {
    let host = Host::shared().await;
    let mut client = mode.ask(&host).open().await;
    for name in ["", "a\nb", "\u{7f}", "a\0"] {
        for word in [format!("sub:{name}"), format!("unsub:{name}")] {
            let answer = client.ask(&word).await;
            assert!(answer.starts_with("error invalid "), "{word:?}: {answer}");
        }
        for word in [format!("pub:{name}:x"), format!("msg-others:{name}:x")] {
            let answer = client.ask(&word).await;
            assert!(answer.starts_with("error invalid "), "{word:?}: {answer}");
        }
    }
    let longest = client.id().await + &"é".repeat(112);
    assert_eq!(client.ask(format!("sub:{longest};pub:{longest}:in")).await, "in");
    assert_eq!(client.ask(format!("sub:{longest}x")).await, "error limit topic_max_bytes");
}

async fn effects_come_behind_the_frames_in_call_order(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], _, topic) = subscribed::<2>(mode, &host).await;
    a.say(format!("pub:{topic}:3;text:1;pub:{topic}:4;text:2")).await;
    a.texts(&["1", "2", "3", "4"]).await;
    b.texts(&["3", "4"]).await;
    // A subscription counts from its place in the order.
    let script = format!(
        "unsub:{topic};pub:{topic}:not this;sub:{topic};pub:{topic}:but this;unsub:{topic};\
         pub:{topic}:nor this;text:first"
    );
    a.say(script).await;
    a.texts(&["first", "but this"]).await;
    b.texts(&["not this", "but this", "nor this"]).await;
    has_nothing(&mut a).await;
}

async fn effects_of_a_trap_never_happen(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], [_, to], topic) = subscribed::<2>(mode, &host).await;
    a.say(format!("pub:{topic}:no;msg:{topic}:no;send:{to}:no;text:no;trap")).await;
    a.closed_with(1011).await;
    has_nothing(&mut b).await;
    let ask = mode.ask(&host).opened(&format!("pub:{topic}:no;send:{to}:no;trap"));
    ask.open().await.closed_with(1011).await;
    has_nothing(&mut b).await;
}

async fn effects_of_what_took_long_come_in_their_order(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], _, topic) = subscribed::<2>(mode, &host).await;
    // What is returned is so large that it is handled in the background.
    a.say(format!("bytes:300000;pub-others:{topic}:1")).await;
    a.say(format!("pub-others:{topic}:2")).await;
    a.say(format!("bytes:300000;pub-others:{topic}:3;close:1000:bye")).await;
    b.texts(&["1", "2", "3"]).await;
    assert_eq!(a.binary().await.len(), 300_000);
    assert_eq!(a.binary().await.len(), 300_000);
    a.closed_with(1000).await;
}

async fn effects_beside_a_close_happen(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b], _, topic) = subscribed::<2>(mode, &host).await;
    a.say(format!("pub-others:{topic}:before;close:4000;pub-others:{topic}:after")).await;
    a.closed_with(4000).await;
    b.texts(&["before", "after"]).await;
}

/// Whatever becomes of what a callback asked for that returned what is not
/// valid: it is the same whether or not the handler has a `terminate`.
async fn effects_beside_a_mistake_do_not_depend_on_terminate(mode: Mode) {
    let host = Host::shared().await;
    let ([mut witness], _, topic) = subscribed::<1>(mode, &host).await;
    let mut outcomes = Vec::new();
    for init in ["accept", "only:opened,frames,info"] {
        let mut client = mode.ask(&host).init(init).open().await;
        client.say(format!("pub:{topic}:published;close:1005")).await;
        client.closed_with(1011).await;
        // `terminate` has been called when the peer is told.
        outcomes.push(witness.ask("text:not published").await);
        if outcomes.last().is_some_and(|outcome| outcome == "published") {
            witness.texts(&["not published"]).await;
        }
    }
    assert_eq!(outcomes[0], outcomes[1]);
}

async fn terminate_can_tell_others(mode: Mode) {
    let host = Host::shared().await;
    let ([mut b], [to], topic) = subscribed::<1>(mode, &host).await;
    let script = format!("timer:1:x;sub:{topic};pub:{topic}:gone;send:{to}:gone");
    let mut a = mode.ask(&host).terminate(&script).open().await;
    let from = a.id().await;
    a.close(None).await;
    assert_eq!(a.closed().await, None);
    b.texts(&["gone", &format!("direct {from} gone")]).await;
    // Also where the peer went without a word.
    drop(mode.ask(&host).terminate(&format!("pub:{topic}:gone")).open().await);
    b.texts(&["gone"]).await;
}

async fn terminate_comes_before_the_unsubscription(mode: Mode) {
    let host = Host::shared().await;
    let ([mut b], _, topic) = subscribed::<1>(mode, &host).await;
    let script = format!("pub:{topic}:to everyone");
    let ask = mode.ask(&host).terminate(&script).opened(&format!("sub:{topic};text:in"));
    let mut a = ask.open().await;
    a.texts(&["in"]).await;
    a.say("stop").await;
    // Itself is told nothing any more.
    a.closed_with(1000).await;
    b.texts(&["to everyone"]).await;
}

async fn a_full_mailbox_drops_the_newest(mode: Mode) {
    let host = Host::of("scripted").set("mailbox_max=3").start().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    // While its own callback runs nothing is taken out.
    let script: String = (0..10).map(|number| format!("send:{id}:{number};")).collect();
    client.say(script).await;
    let direct = |number| format!("direct {id} {number}");
    client.texts(&[&direct(0), &direct(1), &direct(2)]).await;
    // There is room again.
    client.say(format!("send:{id}:later")).await;
    client.texts(&[&format!("direct {id} later")]).await;
}

async fn a_full_mailbox_counts_bytes(mode: Mode) {
    let settings = ["mailbox_max_bytes=100", "payload_max_bytes=40", "topic_max_bytes=60"];
    let host = Host::of("scripted").set_all(&settings).start().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    let forty = |digit: &str| digit.repeat(40);
    let words = ["1", "2", "3"].map(|digit| format!("send:{id}:{}", forty(digit)));
    client.say(words.join(";") + &format!(";send:{id}:{}", "4".repeat(20))).await;
    let direct = |payload: String| format!("direct {id} {payload}");
    client.texts(&[&direct(forty("1")), &direct(forty("2")), &direct("4".repeat(20))]).await;
    has_nothing(&mut client).await;
}

async fn every_limit_is_named(mode: Mode) {
    let settings = [
        "effects_max=3",
        "effects_max_bytes=12",
        "payload_max_bytes=8",
        "subscriptions_max=1",
        "timers_max=2",
        "timers_max_bytes=10",
        "topic_max_bytes=4",
    ];
    let host = Host::of("scripted").set_all(&settings).start().await;
    let mut client = mode.ask(&host).open().await;
    let id = client.id().await;
    for (script, limit) in [
        ("sub:12345".to_owned(), "topic_max_bytes"),
        ("pub:12345:x".to_owned(), "topic_max_bytes"),
        ("pub:t:123456789".to_owned(), "payload_max_bytes"),
        ("msg:t:123456789".to_owned(), "payload_max_bytes"),
        (format!("send:{id}:123456789"), "payload_max_bytes"),
        ("timer:9:123456789".to_owned(), "payload_max_bytes"),
        ("pub:t:12345678;msg:t:12345".to_owned(), "effects_max_bytes"),
        ("pub:t:x;msg:t:x;pub:t:x;msg:t:x".to_owned(), "effects_max"),
        ("sub:a;sub:b".to_owned(), "subscriptions_max"),
    ] {
        assert_eq!(client.ask(&script).await, format!("error limit {limit}"), "{script}");
    }
    client.say("timer:60000:12345678;timer:60000:123").await;
    client.texts(&["timer-id 1", "error limit timers_max_bytes"]).await;
    client.say("timer:60000:;timer:60000:").await;
    client.texts(&["timer-id 2", "error limit timers_max"]).await;
    // What ends makes room.
    client.say("cancel:1;timer:60000:12345678").await;
    client.texts(&["cancelled true", "timer-id 3"]).await;
    client.say("unsub:a;sub:b;text:moved").await;
    client.texts(&["moved"]).await;
}

async fn an_effect_over_a_limit_leaves_the_others(mode: Mode) {
    let host = Host::of("scripted").set("effects_max=3").start().await;
    let mut client = mode.ask(&host).open().await;
    client.say("sub:t;pub:t:1;pub:t:2;pub:t:3").await;
    client.texts(&["error limit effects_max", "1", "2"]).await;
    // The next callback has its own.
    client.say("pub:t:4;pub:t:5;pub:t:6").await;
    client.texts(&["4", "5", "6"]).await;
}

/// Reads texts `PUBLISHER NUMBER` and checks the order of each publisher.
async fn in_order(client: &mut Client, publishers: usize, each: usize) {
    let mut next = vec![0; publishers];
    for _ in 0..publishers * each {
        let text = client.text().await;
        let (publisher, number) = text.split_once(' ').expect("a publisher and a number");
        let publisher: usize = publisher.parse().expect("a publisher's number");
        assert_eq!(number, next[publisher].to_string(), "of publisher {publisher}");
        next[publisher] += 1;
    }
    assert_eq!(next, vec![each; publishers]);
}

async fn frames_reach_many_in_the_order_of_their_publisher(mode: Mode) {
    const EACH: usize = 200;
    let host = Host::shared().await;
    let (mut subscribers, _, topic) = subscribed::<20>(mode, &host).await;
    let mut publishing = Vec::new();
    for publisher in 0..3 {
        let mut client = mode.ask(&host).open().await;
        let topic = topic.clone();
        publishing.push(tokio::spawn(async move {
            for number in 0..EACH {
                client.say(format!("pub:{topic}:{publisher} {number}")).await;
            }
            assert_eq!(client.ask("count").await, "count 1");
        }));
    }
    for publishing in publishing {
        publishing.await.expect("everything is published");
    }
    for subscriber in &mut subscribers {
        in_order(subscriber, 3, EACH).await;
        has_nothing(subscriber).await;
    }
}

async fn frames_do_not_come_between_those_of_a_callback(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a], _, topic) = subscribed::<1>(mode, &host).await;
    let mut publisher = mode.ask(&host).open().await;
    let run: String = (0..500).map(|number| format!("text:{number};")).collect();
    for _ in 0..10 {
        publisher.say(format!("pub:{topic}:news;").repeat(50)).await;
        a.say(&run).await;
    }
    let (mut news, mut runs) = (0, 0);
    while (news, runs) != (500, 10) {
        match a.text().await.as_str() {
            "news" => news += 1,
            begun => {
                assert_eq!(begun, "0");
                for number in 1..500 {
                    assert_eq!(a.text().await, number.to_string());
                }
                runs += 1;
            }
        }
    }
}

async fn frames_do_not_come_before_those_of_opened(mode: Mode) {
    let host = Host::shared().await;
    let mut publisher = mode.ask(&host).open().await;
    let topic = publisher.id().await;
    let opened = format!("sub:{topic};text:1;timer:1:x;text:2");
    for _ in 0..20 {
        let mut client = mode.ask(&host).opened(&opened).open().await;
        publisher.say(format!("pub:{topic}:news;").repeat(10)).await;
        client.texts(&["1", "timer-id 1", "2"]).await;
        client.close(None).await;
        let mut behind = Vec::new();
        while let message @ Message::Text(_) = client.next().await {
            behind.push(message.into_text().unwrap_or_default());
        }
        assert!(behind.iter().all(|text| *text == "news" || *text == "timer 1 x"), "{behind:?}");
    }
}

async fn a_closed_connection_is_no_subscriber(mode: Mode) {
    let host = Host::shared().await;
    let ([mut a, mut b, c], [from, ..], topic) = subscribed::<3>(mode, &host).await;
    b.say("trap").await;
    b.closed_with(1011).await;
    drop(c);
    for number in 0..10 {
        a.say(format!("pub:{topic}:{number};msg:{topic}:{number}")).await;
        let mut came = [a.text().await, a.text().await];
        came.sort();
        assert_eq!(came, [number.to_string(), format!("published {topic} {from} {number}")]);
    }
}
