//! The examples of Cowboy's guide to WebSocket handlers, as handlers of ours.
//!
//! `docs/handlers.md` shows the callbacks in question beside Cowboy's; the last
//! test here sees to it that what is shown is what is tested.

use std::fs;
use std::path::Path;

use wshost_sdk::prelude::*;
use wshost_sdk::testing::{Connection, Effect, request};
use wshost_sdk::{CloseFrame, Command, Timeout};

fn published(topic: &str, payload: &[u8]) -> Message {
    Message::Published {
        topic: topic.to_owned(),
        sender: None,
        payload: payload.to_vec(),
        position: None,
    }
}

/// A message that the handler takes whatever it says.
fn any_message<H: Handler>(connection: &mut Connection<H>) -> Effect {
    connection.info(Message::Operator(Vec::new()))
}

#[test]
fn upgrade() {
    struct Echo;

    #[handler]
    impl Handler for Echo {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Echo))
        }
    }

    request("/").open::<Echo>();
}

#[test]
fn subprotocol() {
    struct Mqtt;

    #[handler]
    impl Handler for Mqtt {
        fn init(request: Request) -> Result<Accept<Self>, Response> {
            match request.subprotocols.as_slice() {
                [] => Ok(Accept::new(Mqtt)),
                _ if request.offers("mqtt") => Ok(Accept::new(Mqtt).subprotocol("mqtt")),
                _ => Err(Response::new(400)),
            }
        }
    }

    let picked = request("/").subprotocol("v12.stomp").subprotocol("mqtt").open::<Mqtt>();
    assert_eq!(picked.accepted().subprotocol.as_deref(), Some("mqtt"));
    assert_eq!(request("/").open::<Mqtt>().accepted().subprotocol, None);
    assert_eq!(request("/").subprotocol("v12.stomp").refused::<Mqtt>().status(), 400);
}

#[test]
fn timer_in_opened() {
    struct Later;

    #[handler]
    impl Handler for Later {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Later))
        }

        fn opened(&mut self) -> Result<(), Error> {
            timers::start(Duration::from_secs(1), "Hello!").map(drop)
        }
    }

    let later = request("/").open::<Later>();
    assert_eq!(later.timers()[0].after, Duration::from_secs(1));
    assert_eq!(later.timers()[0].payload, b"Hello!");
}

#[test]
fn hello_on_open() {
    struct Hello;

    #[handler]
    impl Handler for Hello {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Hello))
        }

        fn opened(&mut self) -> &str {
            "Hello!"
        }
    }

    assert_eq!(request("/").open::<Hello>().opened().texts(), ["Hello!"]);
}

#[test]
fn echo_of_text() {
    struct Echo;

    #[handler]
    impl Handler for Echo {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Echo))
        }

        fn text(&mut self, text: String) -> String {
            text
        }
    }

    let mut echo = request("/").open::<Echo>();
    assert_eq!(echo.text("hi").texts(), ["hi"]);
    assert_eq!(echo.binary("hi").frames(), []);
    assert_eq!(echo.ping(b"hi").frames(), []);
}

#[test]
fn log_messages_forwarded() {
    struct Tail;

    #[handler]
    impl Handler for Tail {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Tail))
        }

        fn info(&mut self, message: Message) -> Option<String> {
            let Message::Published { payload, .. } = message else { return None };
            String::from_utf8(payload).ok()
        }
    }

    let mut tail = request("/").open::<Tail>();
    assert_eq!(tail.info(published("log", b"line")).texts(), ["line"]);
    assert_eq!(tail.info(Message::Operator(b"line".to_vec())).frames(), []);
}

#[test]
fn nothing_sent() {
    struct Silent;

    #[handler]
    impl Handler for Silent {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Silent))
        }

        fn info(&mut self, _: Message) {}
    }

    assert_eq!(any_message(&mut request("/").open::<Silent>()).commands(), []);
}

#[test]
fn one_frame_sent() {
    struct Hello;

    #[handler]
    impl Handler for Hello {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Hello))
        }

        fn info(&mut self, _: Message) -> &str {
            "Hello!"
        }
    }

    assert_eq!(any_message(&mut request("/").open::<Hello>()).texts(), ["Hello!"]);
}

#[test]
fn many_frames_sent() {
    struct Many;

    #[handler]
    impl Handler for Many {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Many))
        }

        fn info(&mut self, _: Message) -> impl Reply {
            ("Hello", "world!", vec![0; 1000])
        }
    }

    let frames = any_message(&mut request("/").open::<Many>()).frames();
    assert_eq!(frames, ["Hello".into(), "world!".into(), vec![0; 1000].into()]);
}

#[test]
fn idle_timeout() {
    struct Idle;

    #[handler]
    impl Handler for Idle {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Idle).idle_timeout(Duration::from_secs(30)))
        }
    }

    let idle = request("/").open::<Idle>();
    let timeout = Timeout::After(Duration::from_secs(30));
    assert_eq!(idle.accepted().options.idle_timeout, Some(timeout));
}

#[test]
fn max_frame_size() {
    struct Big;

    #[handler]
    impl Handler for Big {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Big).max_frame_size(8_000_000))
        }
    }

    assert_eq!(request("/").open::<Big>().accepted().options.max_frame_size, Some(8_000_000));
}

#[test]
fn hibernation() {
    struct Sleeper;

    #[handler]
    impl Handler for Sleeper {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Sleeper))
        }

        fn opened(&mut self) -> impl Reply {
            ().hibernate()
        }

        fn frame(&mut self, _: Frame) -> impl Reply {
            ().hibernate()
        }

        fn info(&mut self, _: Message) -> impl Reply {
            "Hello!".hibernate()
        }
    }

    let mut sleeper = request("/").open::<Sleeper>();
    assert!(sleeper.opened().hibernates());
    assert!(sleeper.ping(b"").hibernates());
    let effect = any_message(&mut sleeper);
    assert!(effect.hibernates());
    assert_eq!(effect.texts(), ["Hello!"]);
}

#[test]
fn stopped() {
    struct Stop;

    #[handler]
    impl Handler for Stop {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Stop))
        }

        fn info(&mut self, _: Message) -> impl Reply {
            stop()
        }
    }

    assert_eq!(any_message(&mut request("/").open::<Stop>()).commands(), [Command::Stop]);
}

#[test]
fn closed_with_a_reason() {
    struct Close;

    #[handler]
    impl Handler for Close {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Close))
        }

        fn info(&mut self, _: Message) -> impl Reply {
            close(CloseCode::NORMAL, "some-reason")
        }
    }

    let frame = CloseFrame::new(CloseCode::NORMAL, "some-reason");
    let effect = any_message(&mut request("/").open::<Close>());
    assert_eq!(effect.commands(), [Command::Close(Some(frame))]);
}

/// The fenced blocks of this language, in order.
fn blocks<'a>(markdown: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let blocks = markdown.split(&fence).skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

/// Code without what a formatter may change.
fn squeezed(code: &str) -> String {
    code.split_whitespace().collect()
}

#[test]
fn the_guide_shows_what_is_tested_here_and_no_more_lines_than_cowboy() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if !repository.join("wit/handler.wit").exists() {
        return; // the crate stands alone
    }
    let guide = fs::read_to_string(repository.join("docs/handlers.md")).unwrap();
    let (theirs, ours) = (blocks(&guide, "erlang"), blocks(&guide, "rs"));
    assert_eq!(ours.len(), 14);
    assert_eq!(ours.len(), theirs.len());
    let tested = squeezed(include_str!("cowboy.rs"));
    for (ours, theirs) in ours.into_iter().zip(theirs) {
        assert!(tested.contains(&squeezed(ours)), "not tested:\n{ours}");
        let (lines, allowed) = (ours.lines().count(), theirs.lines().count());
        assert!(lines <= allowed, "{lines} lines, where Cowboy has {allowed}:\n{ours}");
        assert!(ours.lines().all(|line| line.len() <= 100), "a line is too long:\n{ours}");
    }
}
