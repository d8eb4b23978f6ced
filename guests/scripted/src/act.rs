//! Doing what a word says.

use std::{
    hint::black_box,
    io::{self, Write},
    thread,
};

use wshost_sdk::presence::Present;
use wshost_sdk::{ConnectionId, Error, connections, log, names, presence, timers, topics};

use crate::word::{Act, Call};

impl Act {
    /// Does it, and returns where that is possible.
    pub(crate) fn run(self) {
        match self {
            Self::Trap => trap(),
            Self::Panic(text) => panic!("{text}"),
            Self::Wait(time) => thread::sleep(time),
            Self::Loop => loop {
                black_box(());
            },
            Self::Recurse => _ = black_box(recurse(black_box(0))),
            Self::Grow(bytes) => black_box(vec![1_u8; bytes]).leak().fill(2),
            Self::Exit(code) => std::process::exit(code),
            Self::Log(level, line) => log::log!(target: "scripted", level, "{line}"),
            Self::Print(line) => println!("{line}"),
            Self::Eprint(line) => eprintln!("{line}"),
            #[expect(clippy::dbg_macro, reason = "it is what a test asks for")]
            Self::Dbg(value) => drop(dbg!(value)),
            Self::PrintPart(part) => write(&mut io::stdout().lock(), &part),
            Self::EprintPart(part) => write(&mut io::stderr().lock(), &part),
            Self::Read => _ = io::copy(&mut io::stdin(), &mut io::sink()),
        }
    }
}

/// Writes to a standard stream. That fails where there is none, which is not
/// what the script is about.
fn write(stream: &mut impl Write, part: &str) {
    let _ = stream.write_all(part.as_bytes()).and_then(|()| stream.flush());
}

#[cfg(target_arch = "wasm32")]
fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_arch = "wasm32"))]
fn trap() -> ! {
    std::process::abort()
}

/// Calls itself for ever. Its locals are in registers, so that it is the calls
/// that use up the stack, which the host has to notice, and not linear memory.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    if depth == u64::MAX {
        return 0;
    }
    recurse(depth + 1).rotate_left(1) ^ depth
}

/// What became of a host call.
pub(crate) struct Called(Result<Option<String>, Error>);

impl Called {
    /// What to send: nothing where there is nothing to tell.
    pub(crate) fn into_answer(self) -> Option<String> {
        match self.0 {
            Ok(answer) => answer,
            Err(error) => Some(error_text(&error)),
        }
    }

    /// What to note: `ok` or the error.
    pub(crate) fn into_note(self) -> String {
        match self.0 {
            Ok(_) => "ok".to_owned(),
            Err(error) => error_text(&error),
        }
    }
}

impl Call {
    pub(crate) fn run(self) -> Called {
        let silent = |result: Result<(), Error>| result.map(|()| None);
        Called(match self {
            Self::Timer(after, payload) => {
                timers::start(after, payload).map(|id| Some(format!("timer-id {id}")))
            }
            Self::Cancel(id) => Ok(Some(format!("cancelled {}", timers::cancel(id)))),
            Self::Subscribe(topic, since) => silent(topics::subscribe_since(&topic, &since)),
            Self::Unsubscribe(topic) => silent(topics::unsubscribe(&topic)),
            Self::Publish(topic, text, to) => silent(topics::publish(&topic, text, to)),
            Self::Message(topic, text, to) => silent(topics::publish_message(&topic, text, to)),
            Self::Send(to, text) => silent(connections::send(&to.into(), text)),
            Self::Monitor(id) => silent(connections::monitor(&id.into())),
            Self::Demonitor(id) => silent(connections::demonitor(&id.into())),
            Self::Ask(to, timeout, text) => connections::call(&to.into(), text, timeout)
                .map(|call| Some(format!("call-id {}", call.get()))),
            Self::Reply(to, call, text) => silent(connections::reply(&to.into(), call, text)),
            Self::Register(name) => {
                names::register(&name).map(|done| Some(format!("registered {done}")))
            }
            Self::Unregister(name) => {
                names::unregister(&name).map(|done| Some(format!("unregistered {done}")))
            }
            Self::Lookup(name) => names::lookup(&name).map(|id| {
                let id = id.as_ref().map_or("-", ConnectionId::as_str);
                Some(format!("named {id}"))
            }),
            Self::Enter(topic, metadata) => silent(presence::enter(&topic, &metadata)),
            Self::Leave(topic) => silent(presence::leave(&topic)),
            Self::Present(topic) => present(&topic).map(Some),
            Self::Watch(topic, how) => silent(presence::watch(&topic, how)),
            Self::Unwatch(topic) => silent(presence::unwatch(&topic)),
        })
    }
}

/// Who is present, in the order of what they say of themselves.
fn present(topic: &str) -> Result<String, Error> {
    let mut present = presence::list(topic).collect::<Result<Vec<Present>, _>>()?;
    present.sort_by(|one, other| one.metadata.cmp(&other.metadata));
    let one = |present: &Present| {
        format!(" {}/{}", present.metadata, present.name.as_deref().unwrap_or("-"))
    };
    Ok(format!("present{}", present.iter().map(one).collect::<String>()))
}

/// An error by its name in the contract.
pub(crate) fn error_text(error: &Error) -> String {
    match error {
        Error::NotOpen => "error not-open".to_owned(),
        Error::Invalid(text) => format!("error invalid {text}"),
        Error::Limit(text) => format!("error limit {text}"),
        Error::Denied(text) => format!("error denied {text}"),
        Error::Unavailable(text) => format!("error unavailable {text}"),
        other => format!("error {other}"),
    }
}
