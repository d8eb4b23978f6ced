//! The recorder behaves as the contract says.

use log::Level;

use super::{Call, Connection, request};
use crate::ControlPayload;
use crate::key_value::Store;
use crate::prelude::*;
use crate::presence::{self, Present, WatchAs};
use crate::topics::Since;

/// Tries every host call in every callback, and keeps what came of it.
#[derive(Default)]
struct Caller {
    results: Vec<Result<(), Error>>,
}

impl Caller {
    fn call(&mut self) {
        self.results = vec![
            connections::send(&"id".into(), "p"),
            topics::publish("t", "f", Audience::Others),
            topics::publish_message("t", "m", Audience::Everyone),
            topics::subscribe("t"),
            topics::unsubscribe("t"),
            timers::start(Duration::from_millis(1), "p").map(drop),
            connections::monitor(&"id".into()),
            connections::call(&"id".into(), "c", Duration::from_secs(1)).map(drop),
            presence::enter("t", "m"),
            presence::watch("t", WatchAs::Messages),
            names::register("n").map(drop),
        ];
    }
}

#[handler]
impl Handler for Caller {
    fn init(_: Request) -> Result<Accept<Self>, Response> {
        let mut caller = Caller::default();
        caller.call();
        assert_eq!(caller.results, vec![Err(Error::NotOpen); 11]);
        log::info!("one of {}", 2);
        Ok(Accept::new(caller))
    }

    fn text(&mut self, _: String) {
        self.call();
        assert_eq!(self.results, vec![Ok(()); 11]);
    }

    fn binary(&mut self, _: Vec<u8>) -> impl Reply {
        stop()
    }

    fn terminate(&mut self, _: Reason) {
        self.call();
        let (told, refused) = self.results.split_at(3);
        assert_eq!(told, [Ok(()), Ok(()), Ok(())]);
        assert_eq!(refused, vec![Err(Error::NotOpen); 8]);
    }
}

fn open() -> Connection<Caller> {
    request("/").open()
}

#[test]
fn calls_are_recorded_in_their_order() {
    let mut connection = open();
    let effect = connection.text("");
    let timer = connection.timers()[0].clone();
    assert_eq!(
        effect.calls,
        [
            Call::Send { to: "id".into(), payload: b"p".to_vec() },
            Call::Publish { topic: "t".into(), frame: "f".into(), to: Audience::Others },
            Call::PublishMessage {
                topic: "t".into(),
                payload: b"m".to_vec(),
                to: Audience::Everyone
            },
            Call::Subscribe("t".into()),
            Call::Unsubscribe("t".into()),
            Call::StartTimer(timer),
            Call::Monitor("id".into()),
            Call::Call {
                to: "id".into(),
                id: 2.into(),
                payload: b"c".to_vec(),
                timeout: Duration::from_secs(1)
            },
            Call::Enter { topic: "t".into(), metadata: "m".into() },
            Call::Watch("t".into(), WatchAs::Messages),
            Call::Register("n".into()),
        ]
    );
    assert!(connection.subscriptions().is_empty());
    assert_eq!(connection.metadata("t"), Some("m"));
    assert_eq!(connection.named("n"), Some(&"connection-under-test".into()));
}

#[test]
fn what_init_logs_is_told_though_opened_is_not_wanted() {
    let target = module_path!().to_owned();
    let line = Call::Log { level: Level::Info, target, message: "one of 2".into() };
    assert_eq!(open().opened().calls, [line]);
}

#[test]
fn a_closed_connection_gets_nothing_but_its_end() {
    let mut connection = open();
    assert!(connection.binary([]).is_closing());
    assert_eq!(connection.text("").calls, []);
    assert_eq!(connection.terminate(Reason::Stop).calls.len(), 3);
}

#[test]
fn arguments_are_checked_as_the_host_does() {
    struct Wrong;

    #[handler]
    impl Handler for Wrong {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Wrong))
        }

        fn text(&mut self, _: String) {
            let long = ControlPayload::unchecked(vec![0; 126]);
            let results = [
                topics::subscribe(""),
                topics::subscribe("a\nb"),
                topics::subscribe("a..b"),
                topics::subscribe("a.>.b"),
                topics::subscribe_since("a.*", &Since::Last(1)),
                topics::publish_message("a.*", "m", Audience::Everyone),
                presence::enter(">", "m"),
                names::register("").map(drop),
                connections::call(&"id".into(), "c", Duration::ZERO).map(drop),
                topics::publish("t", Frame::Ping(long), Audience::Everyone),
                timers::start(Duration::ZERO, "").map(drop),
            ];
            assert!(results.iter().all(|result| matches!(result, Err(Error::Invalid(_)))));
        }
    }

    assert_eq!(request("/").open::<Wrong>().text("").calls, []);
}

#[test]
fn a_timer_fires_once_and_is_cancelled_once() {
    struct Timers(Option<TimerId>);

    #[handler]
    impl Handler for Timers {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Timers(None)))
        }

        fn opened(&mut self) -> Result<(), Error> {
            self.0 = Some(timers::start(Duration::from_secs(1), "a")?);
            timers::start(Duration::from_secs(2), "b").map(drop)
        }

        fn text(&mut self, _: String) -> Option<String> {
            self.0.map(|timer| timers::cancel(timer).to_string())
        }

        fn info(&mut self, message: Message) -> Option<Vec<u8>> {
            match message {
                Message::Timer { payload, .. } => Some(payload),
                _ => None,
            }
        }
    }

    let mut connection = request("/").open::<Timers>();
    let [_, second] = connection.timers() else { panic!("not two timers") };
    let second = second.id;
    assert_eq!(connection.text("").texts(), ["true"]);
    assert_eq!(connection.text("").texts(), ["false"]);
    assert_eq!(connection.fire(second).frames(), [b"b".to_vec().into()]);
    assert!(connection.timers().is_empty());
}

#[test]
fn frames_of_one_call_are_answered_up_to_a_close() {
    struct Batch;

    #[handler]
    impl Handler for Batch {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Batch))
        }

        fn text(&mut self, text: String) -> Outcome {
            match text.as_str() {
                "quit" => stop().into_outcome(),
                "sleep" => text.hibernate(),
                _ => text.into_outcome(),
            }
        }
    }

    let open = || request("/").open::<Batch>();
    let effect = open().frames(vec!["sleep".into(), "a".into()]);
    assert_eq!(effect.texts(), ["sleep", "a"]);
    assert!(!effect.hibernates());
    assert!(open().frames(vec!["a".into(), "sleep".into()]).hibernates());
    let effect = open().frames(vec!["a".into(), "quit".into(), "b".into()]);
    assert_eq!(effect.texts(), ["a"]);
    assert!(effect.is_closing());
}

#[test]
fn outside_of_a_callback_nothing_is_open() {
    assert_eq!(topics::subscribe("t"), Err(Error::NotOpen));
    assert!(!timers::cancel(1.into()));
}

/// Uses a store as the text tells it.
struct Keeper;

const STORE: Store = Store::new("store");

#[handler]
impl Handler for Keeper {
    fn init(_: Request) -> Result<Accept<Self>, Response> {
        STORE.increment("connections", 1).map_err(|_| Response::new(503))?;
        Ok(Accept::new(Keeper))
    }

    fn text(&mut self, text: String) -> String {
        let set_if = |expected: Option<&[u8]>| STORE.set_if("k", expected, Some(b"swapped"));
        match &*text {
            "get" => format!("{:?}", STORE.get("k")),
            "set" => format!("{:?}", STORE.set("k", "v")),
            "delete" => format!("{:?}", STORE.delete("k")),
            "empty" => format!("{:?}", STORE.set("", "v")),
            "swap" => format!("{:?} {:?}", set_if(None), set_if(Some(b"v"))),
            "increment" => format!("{:?}", STORE.increment("k", 1).is_err()),
            _ => format!("{:?}", STORE.keys(&text).collect::<Result<Vec<_>, _>>()),
        }
    }
}

#[test]
fn stores_are_there() {
    let mut keeper = request("/").value("store", "connections", "6").open::<Keeper>();
    assert_eq!(keeper.value("store", "connections"), Some(&b"7"[..]));
    for (text, said) in [
        ("get", "Ok(None)"),
        ("set", "Ok(())"),
        ("get", "Ok(Some([118]))"),
        ("swap", "Ok(false) Ok(true)"),
        ("increment", "true"),
        ("delete", "Ok(true)"),
        ("delete", "Ok(false)"),
        ("empty", "Err(Invalid(\"a key is not empty\"))"),
        ("c", "Ok([\"connections\"])"),
    ] {
        assert_eq!(keeper.text(text).texts(), [said], "{text}");
    }
    for number in 0..250 {
        keeper.set_value("store", &format!("n{number:03}"), "");
    }
    let keys: Vec<String> = (0..250).map(|number| format!("n{number:03}")).collect();
    assert_eq!(keeper.text("n").texts(), [format!("Ok({keys:?})")]);
}

#[test]
fn who_is_present_has_the_first_name_it_registered() {
    struct Enters;

    #[handler]
    impl Handler for Enters {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Enters))
        }

        fn text(&mut self, name: String) -> Result<Option<String>, Error> {
            if name == "zoe" && !names::unregister("zoe")? {
                names::register("zoe")?;
            }
            names::register("ann")?;
            presence::enter("room", "")?;
            presence::list("room").next().expect("it is present").map(|present| present.name)
        }
    }

    let mut enters = request("/").open::<Enters>();
    assert_eq!(enters.text("zoe").texts(), ["zoe"]);
    assert_eq!(enters.text("zoe").texts(), ["ann"]);
}

#[test]
fn others_are_there() {
    struct Looks;

    #[handler]
    impl Handler for Looks {
        fn init(_: Request) -> Result<Accept<Self>, Response> {
            Ok(Accept::new(Looks))
        }

        fn text(&mut self, text: String) -> String {
            match &*text {
                "lookup" => format!("{:?}", names::lookup("ann").map(|id| id.is_some())),
                "register" => format!("{:?}", names::register("ann")),
                "unregister" => format!("{:?}", names::unregister("ann")),
                _ => format!("{}", presence::list("room").filter(Result::is_ok).count()),
            }
        }
    }

    let present = |id: &str| Present { id: id.into(), name: None, metadata: String::new() };
    let mut request = request("/").name("ann", "a");
    for number in 0..250 {
        request = request.present("room", present(&format!("{number}")));
    }
    let mut looks = request.open::<Looks>();
    for (text, said) in [
        ("lookup", "Ok(true)"),
        ("register", "Ok(false)"),
        ("unregister", "Ok(false)"),
        ("list", "250"),
    ] {
        assert_eq!(looks.text(text).texts(), [said], "{text}");
    }
}
