//! Handlers that name connections which they were told nothing of, and topics
//! that are not theirs.

use futures_util::future::join_all;
use wshost_tests::{Crowd, counting};

use super::{CROWD, ask, host, is_sound};

/// Nobody in this crowd takes a message without a word: one that it got would be
/// taken for an answer.
#[tokio::test]
async fn ids_are_forged() {
    let host = host(&[]).await;
    let mut crowd = Crowd::open((0..CROWD).map(|_| ask(&host)), counting).await;
    crowd
        .beside(async || {
            let mut client = ask(&host).open().await;
            let id = client.id().await;
            for forged in unlike_an_id(&id) {
                let answer = client.ask(format!("send:{forged}:gotcha;text:ok")).await;
                assert!(answer.starts_with("error invalid"), "{forged:?}: {answer}");
                client.texts(&["ok"]).await;
            }
            for forged in like(&id) {
                assert_eq!(client.ask(format!("send:{forged}:gotcha;text:ok")).await, "ok");
            }
            client.close(None).await;
            client.finish().await;
        })
        .await;
    crowd.leave().await;
    is_sound(&host);
}

fn unlike_an_id(id: &str) -> Vec<String> {
    let digits = &id[1..];
    let forged = ["", "*", "#", "..", "/", "0", "me", "all"].map(str::to_owned);
    let changed = [
        id.to_uppercase().replace(char::is_numeric, "A"),
        digits.to_owned(),
        format!("{id}0"),
        format!("+{digits}"),
        format!("-{digits}"),
        format!(" {digits}"),
        format!("{digits}%00"),
        format!("../{}", &id[3..]),
        format!("{}*", &id[1..]),
        format!("{digits}\u{0}"),
        format!("{digits}\u{661}"),
    ];
    forged.into_iter().chain(changed).collect()
}

/// Ids near this one, each digit changed by one, and a few that stand out.
fn like(id: &str) -> Vec<String> {
    let near = (0..id.len()).map(|at| {
        let digit = u32::from_str_radix(&id[at..=at], 16).expect("an id has hexadecimal digits");
        format!("{}{:x}{}", &id[..at], (digit + 1) % 16, &id[at + 1..])
    });
    near.chain(["0".repeat(32), "f".repeat(32)]).collect()
}

/// What is published is for one topic: none stands for others.
#[tokio::test]
async fn topics_are_guessed() {
    let host = host(&[]).await;
    let secret = |number| ask(&host).opened(&format!("sub:crowd/{number}")).info("text:heard");
    let mut crowd = Crowd::open((0..CROWD).map(secret), counting).await;
    let names =
        ["crowd", "crowd/", "crowd/*", "crowd/#", "crowd/>", "crowd/1 ", "Crowd/1", "crowd/1.*x"];
    crowd
        .beside(async || {
            let mut client = ask(&host).open().await;
            for name in names {
                client
                    .say(format!("sub:{name};msg-others:{name}:x;pub-others:{name}:x;text:ok"))
                    .await;
                client.texts(&["ok"]).await;
            }
            for pattern in ["*", ">", "crowd/1.*", "*.crowd/1"] {
                for word in ["msg-others", "pub-others", "enter"] {
                    let answer = client.ask(format!("{word}:{pattern}:x")).await;
                    assert!(answer.starts_with("error invalid"), "{word} {pattern}: {answer}");
                }
            }
            client.close(None).await;
            client.finish().await;
        })
        .await;
    // Nobody else published to these, either.
    let outsider = async |number: usize| {
        let mut client = ask(&host).opened("sub:crowd/*").open().await;
        assert_eq!(client.ask(format!("pub-others:mine/{number}:x;text:ok")).await, "ok");
    };
    crowd.beside(async || _ = join_all((0..10).map(outsider)).await).await;
    crowd.leave().await;
    is_sound(&host);
}
