//! A component that no toolchain would make: what it passes at the border to the
//! host is not what its types say, and its border's own functions misbehave.

mod cases;
pub(crate) mod component;

use futures_util::future::join_all;
use wshost_tests::{Crowd, Host, Mode, echoing, raise_socket_limit};

use self::cases::{CASES, Case, Ends, TIME, WAITING};
use super::{CROWD, LOOPS, PATIENT, counted, is_sound};

/// For `info` to be called.
const START_TIMER: &str =
    "(call $start_timer (i64.const 1) (i32.const 0) (i32.const 0) (i32.const 0x600))";

/// The component with each case at its place, numbered from 1.
fn handler() -> Vec<u8> {
    let places = ["realloc", "init", "opened", "frames", "info", "terminate", "post_return"];
    let text = places.iter().fold(include_str!("handler.wat").to_owned(), |text, place| {
        let cases = CASES.iter().zip(1..).map(|(case, number)| match case.at {
            at if at == *place => when(number, case.does),
            "info" if *place == "opened" => when(number, START_TIMER),
            _ => String::new(),
        });
        text.replace(&format!("{{{place}}}"), &cases.collect::<String>())
    });
    component::component(&text)
}

fn when(number: usize, does: &str) -> String {
    format!("(if (i32.eq (global.get $case) (i32.const {number})) (then {does}))\n")
}

/// A host of the component.
pub(super) async fn host(settings: &[&str]) -> Host {
    raise_socket_limit();
    let directory = tempfile::tempdir().expect("a directory can be made");
    let file = directory.path().join("by_hand.wasm");
    std::fs::write(&file, handler()).expect("the component can be written");
    Host::of_file(&file).takes_turns().set_all(&PATIENT).set_all(settings).start().await
}

pub(super) async fn crowd(host: &Host) -> Crowd {
    Crowd::open((0..CROWD).map(|_| Mode::HTTP1.ask(host)), echoing).await
}

/// Lets a case happen, and sees how its connection ends.
async fn happen(host: &Host, number: usize, case: &Case) {
    let ask = Mode::HTTP1.ask(host).target(&format!("/{number}"));
    if case.at == "init" {
        match case.ends {
            Ends::Badly => assert_eq!(ask.refused().await.status, 500, "{}", case.name),
            Ends::Response(status) => {
                assert_eq!(ask.refused().await.status, status, "{}", case.name);
            }
            Ends::Well => drop(ask.open().await),
        }
        return;
    }
    let mut client = ask.open().await;
    if ["frames", "realloc", "post_return"].contains(&case.at) {
        client.say("go").await;
    }
    match case.ends {
        _ if case.at == "terminate" => {
            client.close(Some((1000, ""))).await;
            client.closed_with(1000).await;
        }
        Ends::Well | Ends::Response(_) => assert_eq!(client.text().await, "go", "{}", case.name),
        Ends::Badly => {
            let closed = client.closed().await;
            assert_eq!(closed, Some((1011, String::new())), "{}", case.name);
        }
    }
}

/// All cases that are over soon, one after the other.
pub(super) async fn all_happen(host: &Host) {
    for (case, number) in numbered(|case| ![TIME, WAITING].contains(&case.says)) {
        happen(host, number, case).await;
    }
}

fn numbered(which: impl Fn(&Case) -> bool) -> Vec<(&'static Case, usize)> {
    CASES.iter().zip(1..).filter(|(case, _)| which(case)).collect()
}

/// Lets these cases happen, ten at once, beside a crowd.
async fn beside_a_crowd(settings: &[&str], cases: &[(&Case, usize)]) {
    let host = host(settings).await;
    let mut crowd = crowd(&host).await;
    for ten in cases.chunks(10) {
        crowd
            .beside(async || {
                let happening = ten.iter().map(|(case, number)| happen(&host, *number, case));
                let _ = join_all(happening).await;
            })
            .await;
    }
    for (case, _) in cases.iter().filter(|(case, _)| case.ends == Ends::Badly) {
        is_told(&host, case).await;
    }
    crowd.leave().await;
    is_sound(&host);
}

/// The log says how a case ended, and a limit that it hit was counted.
async fn is_told(host: &Host, case: &Case) {
    let callback = match case.at {
        "realloc" | "post_return" => "frames",
        at => at,
    };
    let callback = format!("callback=\"{callback}\"");
    host.log().line_with(&["handler failed", &callback, case.says]).await;
    if case.says.contains("_max") {
        counted(host, case.says).await;
    }
}

#[tokio::test]
async fn at_the_border() {
    let cases = numbered(|case| ![TIME, WAITING].contains(&case.says));
    beside_a_crowd(&[], &cases).await;
}

#[tokio::test]
async fn loops() {
    let cases = numbered(|case| case.says == TIME);
    beside_a_crowd(&[LOOPS], &cases).await;
}

#[tokio::test]
async fn waiting() {
    let cases = numbered(|case| case.says == WAITING);
    beside_a_crowd(&["callback_wait_max_ms=500"], &cases).await;
}
