//! Environment variables and directories.

use std::{fs, os::unix::fs::symlink};

use crate::{asleep, directory, granted, text, write};
use wshost_tests::Mode;

#[tokio::test]
async fn the_environment_is_what_is_granted() {
    let host = granted(&["--env", "GREETING=hello=you", "--env", "EMPTY="]).start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    for times in 1..=3 {
        assert_eq!(client.ask("env GREETING").await, "hello=you");
        assert_eq!(client.ask("env EMPTY").await, "");
        assert_eq!(client.ask("env PATH").await, "none");
        asleep(&host, 3 * times).await;
    }
}

#[tokio::test]
async fn a_directory_is_read_and_nothing_else() {
    let (inside, outside) = (directory(), directory());
    let secret = write(&outside, "secret", "secret");
    write(&inside, "a.txt", "first");
    fs::create_dir(inside.path().join("sub")).expect("a directory");
    write(&inside, "sub/b.txt", "second");
    for (name, to) in [("out", secret.as_str()), ("up", ".."), ("in", "sub/b.txt")] {
        symlink(to, inside.path().join(name)).expect("a link");
    }
    let grant = format!("/data={}", inside.path().display());
    let host = granted(&["--dir", &grant]).start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    for (command, answer) in [
        ("read /data/a.txt", "first"),
        ("read /data/sub/../sub/b.txt", "second"),
        ("read /data/in", "second"),
        ("list /data", "a.txt in out sub up"),
        ("list /data/sub", "b.txt"),
    ] {
        assert_eq!(client.ask(command).await, answer, "{command}");
    }
    for command in [
        "read /data/../secret",
        "read /data/out",
        "list /data/up",
        "list /data/..",
        "list /",
        "read /etc/hostname",
        &format!("read {secret}"),
        "write /data/a.txt changed",
        "write /data/new.txt new",
    ] {
        let answer = client.ask(command).await;
        assert!(answer.contains("os error"), "{command}: {answer}");
    }
    assert_eq!(fs::read_to_string(inside.path().join("a.txt")).expect("a file"), "first");
    assert!(!inside.path().join("new.txt").exists());
}

/// C's library keeps the directories open once it has looked for a file.
#[tokio::test]
async fn who_has_read_a_file_sleeps_and_reads_on() {
    let (one, two) = (directory(), directory());
    let grants =
        [format!("/one={}", one.path().display()), format!("/two={}", two.path().display())];
    let host = granted(&["--dir", &grants[0], "--dir", &grants[1]]).start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    for times in 1..=5 {
        write(&one, "file", &format!("one {times}"));
        write(&two, "file", &format!("two {times}"));
        assert_eq!(client.ask("read /one/file").await, format!("one {times}"));
        asleep(&host, 4 * times - 3).await;
        assert_eq!(client.ask("print something").await, "printed");
        assert_eq!(client.ask("read /two/file").await, format!("two {times}"));
        assert_eq!(client.ask("count").await, times.to_string());
        asleep(&host, 4 * times).await;
    }
}

#[tokio::test]
async fn who_holds_a_file_stays_awake_until_it_is_closed() {
    let inside = directory();
    write(&inside, "a.txt", "first");
    let grant = text(inside.path().to_owned());
    let host = granted(&["--dir", &format!("/data={grant}")]).start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    assert_eq!(client.ask("hold /data/a.txt").await, "held");
    host.log().line_with(&["stays awake: it holds handles"]).await;
    assert_eq!(client.ask("count").await, "1");
    assert_eq!(client.ask("release").await, "released");
    asleep(&host, 1).await;
    assert_eq!(client.ask("count").await, "2");
}
