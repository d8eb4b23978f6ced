//! Handlers that write to the log: too much, too long, and what is made to be
//! taken for something else.

use futures_util::future::join_all;

use super::{ask, crowd, host, is_sound};

/// The longest line there may be: `log_line_max_bytes`, and what the host writes
/// before it.
const LINE_MAX_BYTES: usize = 8 * 1024 + 1024;

#[tokio::test]
async fn storms_of_lines() {
    let host = host(&[]).await;
    let mut crowd = crowd(&host).await;
    let storms = ["log:info:storm", "print:storm", "eprint:storm", "print-part:storm"];
    let times = crowd
        .beside(async || {
            _ = join_all(storms.map(async |word| {
                let mut client = ask(&host).open().await;
                let answer = client.ask(format!("times:100000:{word}")).await;
                assert_eq!(answer, "times 100000");
                client.close(None).await;
                client.finish().await;
            }))
            .await;
        })
        .await;
    let lines = host.log().lines_with(&["storm"]).len();
    assert!(lines < 100_000 * times as usize, "{lines} lines");
    crowd.leave().await;
    is_sound(&host);
}

/// Long lines are cut, and what is no text is escaped, in whatever way a handler
/// has to say something.
#[tokio::test]
async fn lines_that_look_like_something_else() {
    let host = host(&[]).await;
    let mut crowd = crowd(&host).await;
    let forged = "\u{1b}[2J\u{1b}[31mred\u{7}\r\u{8}\u{9b}31m\u{202e}\nforged WARN plugin=other";
    let long = "y".repeat(900_000);
    let words = ["log:info", "print", "eprint", "dbg", "panic", "reason", "close:1000", "send"];
    crowd
        .beside(async || {
            join_all(words.iter().flat_map(|word| [(word, forged), (word, &long)]).map(
                async |(word, text)| {
                    let client = ask(&host).open().await;
                    let (mut sender, mut receiver) = client.split();
                    sender.send(format!("{word}:{text};close:4000").into()).await;
                    while !receiver.next().await.is_close() {}
                },
            ))
            .await;
        })
        .await;
    crowd.leave().await;
    for line in host.log().lines() {
        assert!(!line.starts_with("forged"), "{line:?}");
        assert!(!line.contains(|char: char| char.is_control() && char != '\t'), "{line:?}");
        assert!(line.len() <= LINE_MAX_BYTES, "{} bytes: {}", line.len(), &line[..200]);
    }
    is_sound(&host);
}
