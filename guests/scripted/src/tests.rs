use wshost_sdk::log::Level;
use wshost_sdk::testing::{Call, Connection, RequestBuilder, request};
use wshost_sdk::{Callbacks, CloseFrame, ConnectionError, Timeout};

use super::*;

fn with(header: &str, script: &str) -> RequestBuilder {
    request("/p?q").id("me").header(header, script)
}

fn open() -> Connection<Scripted> {
    request("/p?q").id("me").open()
}

#[test]
fn init_takes_options() {
    let script = "subprotocol:mqtt; header:a:b:c; idle:infinity; max:5; keepalive:3; \
                  hide-control; compress; only:info,frames";
    let connection = with("x-init", script).open::<Scripted>();
    let accepted = connection.accepted();
    assert_eq!(accepted.subprotocol.as_deref(), Some("mqtt"));
    assert_eq!(accepted.headers, [("a".to_owned(), b"b:c".to_vec())]);
    let options = &accepted.options;
    assert_eq!(options.idle_timeout, Some(Timeout::Infinity));
    assert_eq!(options.max_frame_size, Some(5));
    assert_eq!(options.keep_alive, Some(Duration::from_millis(3)));
    assert_eq!(options.compress, Some(Deflate::new()));
    assert!(!options.control_frames);
    let callbacks = Callbacks { frames: true, info: true, ..Callbacks::default() };
    assert_eq!(options.callbacks, callbacks);
}

#[test]
fn init_wants_everything_unless_told() {
    let connection = open();
    let options = &connection.accepted().options;
    assert_eq!(options.callbacks, Callbacks::ALL);
    assert!(options.control_frames);
}

#[test]
fn init_answers() {
    let response = with("x-init", "header:a:b;respond:404:no:thing").refused::<Scripted>();
    assert_eq!((response.status(), response.body_bytes()), (404, &b"no:thing"[..]));
    assert_eq!(response.headers(), [("a".to_owned(), b"b".to_vec())]);
    assert_eq!(with("x-init", "refuse").refused::<Scripted>(), Response::refuse());
    for script in ["nope", "text:x", "max:x", "respond:x"] {
        assert_eq!(with("x-init", script).refused::<Scripted>().status(), 500, "{script}");
    }
}

#[test]
fn host_calls_of_init_are_noted() {
    let mut connection = with("x-init", "sub:t;timer:1:p;send:you:p").open::<Scripted>();
    let not_open = ["error not-open"; 3].join("\n");
    assert_eq!(connection.text("notes").texts(), [not_open]);
}

#[test]
fn what_is_no_script_is_echoed() {
    let mut connection = open();
    for text in ["hello", "", "hello;stop", "é:1"] {
        assert_eq!(connection.text(text).texts(), [text]);
    }
    assert_eq!(connection.binary([1]).frames(), [vec![1].into()]);
    assert_eq!(connection.ping(b"a").texts(), ["ping a"]);
}

#[test]
fn a_script_is_followed_word_by_word() {
    let mut connection = open();
    let effect = connection.text("text:a; me;count;count;echo;nope:1;bytes:x;bytes:2;frames-batch");
    assert_eq!(
        effect.texts(),
        [
            "a",
            "id me",
            "count 1",
            "count 2",
            "text:a; me;count;count;echo;nope:1;bytes:x;bytes:2;frames-batch",
            "unknown word nope",
            "bad argument of bytes",
            "batch 1"
        ]
    );
    assert_eq!(effect.frames()[7], vec![0, 1].into());
}

#[test]
fn churning_counts_and_goes_on() {
    let mut connection = open();
    for seed in 0..2000 {
        let effect = connection.text(format!("churn:{seed}"));
        let [text] = effect.texts()[..] else { panic!("{effect:?}") };
        assert!(text.starts_with(&format!("churn {seed} ")), "{text}");
    }
}

#[test]
fn what_the_sdk_refuses_reaches_the_host() {
    let mut connection = open();
    let long = "x".repeat(200);
    let effect = connection.text(format!("ping:{long};close:1005:{long};text:late"));
    let [Command::Send(Frame::Ping(ping)), Command::Close(Some(close)), Command::Send(_)] =
        effect.commands()
    else {
        panic!("not as written: {effect:?}");
    };
    assert_eq!((ping.len(), close.code().get(), close.reason().len()), (200, 1005, 200));
}

#[test]
fn host_calls_tell_what_became_of_them() {
    let mut connection = open();
    let script = "timer:5:p;cancel:1;cancel:1;sub:;sub:t;pub:t:a:b;msg-others:t:c;send:you:d";
    let effect = connection.text(script);
    let told = effect.texts();
    assert_eq!(told[..3], ["timer-id 1", "cancelled true", "cancelled false"]);
    assert!(told[3].starts_with("error invalid "), "{told:?}");
    assert_eq!(told.len(), 4);
    let topic = || "t".to_owned();
    assert_eq!(
        effect.calls[2..],
        [
            Call::Subscribe(topic()),
            Call::Publish { topic: topic(), frame: "a:b".into(), to: Audience::Everyone },
            Call::PublishMessage { topic: topic(), payload: b"c".into(), to: Audience::Others },
            Call::Send { to: "you".into(), payload: b"d".into() },
        ]
    );
}

#[test]
fn frames_of_one_call_are_counted_and_end_at_a_close() {
    let mut connection = open();
    let frames = ["frames-batch", "hibernate", "stop", "count"].map(Frame::from);
    let effect = connection.frames(frames.to_vec());
    assert_eq!(effect.commands().len(), 2);
    assert_eq!(effect.texts(), ["batch 4"]);
    assert!(effect.is_closing());
}

#[test]
fn hibernation_is_asked_for_once_or_always() {
    assert!(!open().text("count").hibernates());
    assert!(open().text("hibernate").hibernates());
    let mut connection = with("x-hibernate", "1").open::<Scripted>();
    assert!(connection.opened().hibernates());
    assert!(connection.text("hello").hibernates());
    assert!(connection.info(Message::Operator(vec![])).hibernates());
}

#[test]
fn headers_hold_scripts() {
    assert_eq!(with("x-opened", "text:a").open::<Scripted>().opened().texts(), ["a"]);
    let mut connection = with("x-info", "text:b").open::<Scripted>();
    assert_eq!(connection.info(Message::Operator(vec![])).texts(), ["b"]);
}

#[test]
fn messages_are_told() {
    let mut connection = open();
    let mut told = |message| connection.info(message).texts()[0].to_owned();
    let payload = || b"p".to_vec();
    assert_eq!(told(Message::Timer { id: 7.into(), payload: payload() }), "timer 7 p");
    let direct = Message::Direct { sender: "you".into(), payload: payload() };
    assert_eq!(told(direct), "direct you p");
    let published = |sender| Message::Published {
        topic: "t".into(),
        sender,
        payload: payload(),
        position: None,
    };
    assert_eq!(told(published(None)), "published t - p");
    assert_eq!(told(published(Some("you".into()))), "published t you p");
    assert_eq!(told(Message::Operator(payload())), "operator p");
    let down = Message::Down { id: "you".into(), reason: String::new() };
    assert_eq!(told(down), "down you ");
}

#[test]
fn the_end_is_logged() {
    let logged = |reason| {
        let effect = with("x-terminate", "log:warn:bye").open::<Scripted>().terminate(reason);
        let lines = effect.calls.into_iter().map(|call| match call {
            Call::Log { level, target, message } if target == "scripted" => (level, message),
            other => panic!("no line: {other:?}"),
        });
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines[0], (Level::Warn, "bye".to_owned()));
        assert_eq!((lines.len(), lines[1].0), (2, Level::Info));
        lines[1].1.clone()
    };
    let close = CloseFrame::new(CloseCode::GOING_AWAY, "so long");
    assert_eq!(logged(Reason::Normal), "terminate normal");
    assert_eq!(logged(Reason::Remote(None)), "terminate remote none");
    assert_eq!(logged(Reason::Remote(Some(close))), "terminate remote 1001 so long");
    let failed = Reason::Error(ConnectionError::BadEncoding);
    assert_eq!(logged(failed), "terminate error bad-encoding");
    assert_eq!(logged(Reason::Other("x".into())), "terminate other x");
}

#[test]
fn the_request_is_told() {
    let told = "id=me\nmethod=GET\nscheme=http\nauthority=localhost\npath=/p\nquery=q\n\
                version=1.1\npeer=192.0.2.1\ntls=-\nupgrade=true\nsubprotocols=a,b\n\
                parameters=k:v,l:w\nheader x: y\nheader x: z";
    let request = request("/p?q").id("me").header("x", "y").header("x", "z");
    let request = request.subprotocol("a").subprotocol("b");
    let request = request.parameter("k", "v").parameter("l", "w");
    assert_eq!(request.open::<Scripted>().text("request").texts(), [told]);
}

#[test]
fn another_version_counts_on() {
    let mut old = open();
    old.text("count");
    let mut new = request("/").restore::<Scripted>(old.save().unwrap(), "old").unwrap();
    assert_eq!(new.text("count").texts(), ["count 2"]);
    assert!(request("/").restore::<Scripted>("x", "old").is_err());
}

#[test]
fn words_are_repeated() {
    let mut connection = open();
    let outcome = connection.text("times:2:text:a#+text:b");
    assert_eq!(outcome.texts(), ["a0", "b", "a1", "b", "times 2"]);
    assert_eq!(connection.text("times:1:count").texts(), ["times 1 count can't be repeated"]);
    let outcome = connection.text("times:2:timer:0:x");
    let refused = outcome.texts();
    assert!(refused[0].starts_with("times 2 error invalid"), "{refused:?}");
}
