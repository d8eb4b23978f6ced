//! The words of a script, and what they mean.
//!
//! | Word | Meaning |
//! |---|---|
//! | `text:T` | send text |
//! | `binary:HEX` | send bytes |
//! | `bytes:N` | send N bytes, byte i being i % 251 |
//! | `ping:T` `pong:T` | send a control frame, of any length |
//! | `close` `close:CODE[:REASON]` | close, with any code and reason |
//! | `stop` | stop |
//! | `active:BOOL` `deflate:BOOL` `reason:T` | the commands of these names |
//! | `options:idle=MS` `options:idle=infinity` `options:max=BYTES` | change options |
//! | `hibernate` | ask for hibernation |
//! | `wait:MS` | wait in a host call |
//! | `trap` `panic:T` `loop` `recurse` `grow:BYTES` `exit:CODE` | misbehave; see [`Act`] |
//! | `log:LEVEL:T` `print:T` `eprint:T` | write a line |
//! | `print-part:T` `eprint-part:T` | write a part of a line |
//! | `dbg:T` | writes what `dbg!` makes of it |
//! | `read` | read standard input to its end |
//! | `timer:MS:PAYLOAD` | start a timer; sends `timer-id N` |
//! | `cancel:ID` | cancel a timer; sends `cancelled BOOL` |
//! | `sub:TOPIC` `unsub:TOPIC` | subscribe, unsubscribe |
//! | `sub-last:N:TOPIC` `sub-after:POSITION:TOPIC` | subscribe, with the history |
//! | `pub:TOPIC:T` `pub-others:TOPIC:T` | publish a text frame |
//! | `msg:TOPIC:T` `msg-others:TOPIC:T` | publish a message |
//! | `send:ID:T` | send to a connection |
//! | `monitor:ID` `demonitor:ID` | monitor a connection, or not any more |
//! | `call:ID:MS:T` | ask a connection, with this timeout; sends `call-id N` |
//! | `reply:ID:CALL:T` | answer a call |
//! | `register:NAME` `unregister:NAME` `lookup:NAME` | sends `registered BOOL`, `unregistered BOOL`, `named ID` |
//! | `enter:TOPIC:T` `leave:TOPIC` | be present on a topic, or not any more |
//! | `present:TOPIC` | sends `present`, and of each who is its metadata and its name |
//! | `watch:TOPIC` `watch-frames:TOPIC` `unwatch:TOPIC` | watch who is present, by messages or by frames, or not any more |
//! | `me` | sends `id ID` |
//! | `count` | counts up; sends `count N` |
//! | `request` `notes` | sends the request, or what became of the host calls in `init` |
//! | `frames-batch` | sends `batch N`, the number of frames in this call |
//! | `echo` | sends back this frame |
//! | `churn:SEED` | changes state of many kinds; sends `churn N DIGEST` |
//! | `times:N:W+W` | does these words N times, `#` in them being the round; sends `times DONE`, and the last of the errors |
//!
//! A host call that fails sends `error E`, E being the error's name in the
//! contract and its text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use wshost_sdk::__private::unchecked::{close_frame, control_payload};
use wshost_sdk::presence::WatchAs;
use wshost_sdk::topics::{Audience, Since};
use wshost_sdk::{CallId, Command, Frame, OptionChanges, Timeout, TimerId, log::Level};

/// A word of a script.
#[derive(Debug, PartialEq)]
pub enum Word {
    /// Something to return to the host.
    Command(Command),
    /// To return as well.
    Hibernate,
    /// Something to do at once.
    Act(Act),
    /// Something to ask of the host.
    Call(Call),
    /// Something to tell.
    Report(Report),
    /// Something to do again and again.
    Times(Times),
}

/// Words to be done so many times.
#[derive(Clone, Debug, PartialEq)]
pub struct Times {
    /// How many times.
    pub(crate) count: u64,
    /// The words, joined by `+`.
    pub(crate) words: String,
}

/// Something to do at once.
#[derive(Debug, PartialEq)]
pub enum Act {
    /// Ends in a trap.
    Trap,
    /// Panics.
    Panic(String),
    /// Waits in a host call.
    Wait(Duration),
    /// Never returns.
    Loop,
    /// Uses up the stack.
    Recurse,
    /// Allocates so many bytes, and keeps them.
    Grow(usize),
    /// Ends the program with this status.
    Exit(i32),
    /// Writes to the log, target `scripted`.
    Log(Level, String),
    /// Writes a line to standard output.
    Print(String),
    /// Writes a line to standard error.
    Eprint(String),
    /// Writes to standard output.
    PrintPart(String),
    /// Writes to standard error.
    EprintPart(String),
    /// Writes to standard error, by `dbg!`.
    Dbg(String),
    /// Reads standard input to its end.
    Read,
}

/// Something to ask of the host.
#[derive(Debug, PartialEq)]
pub enum Call {
    /// Starts a timer.
    Timer(Duration, String),
    /// Cancels one.
    Cancel(TimerId),
    /// Subscribes.
    Subscribe(String, Since),
    /// Unsubscribes.
    Unsubscribe(String),
    /// Publishes a text frame.
    Publish(String, String, Audience),
    /// Publishes a message.
    Message(String, String, Audience),
    /// Sends to a connection.
    Send(String, String),
    /// Monitors a connection.
    Monitor(String),
    /// Takes that back.
    Demonitor(String),
    /// Asks a connection.
    Ask(String, Duration, String),
    /// Answers a connection.
    Reply(String, CallId, String),
    /// Registers a name.
    Register(String),
    /// Takes it back.
    Unregister(String),
    /// Looks up a name.
    Lookup(String),
    /// Is present on a topic.
    Enter(String, String),
    /// Not any more.
    Leave(String),
    /// Tells who is present.
    Present(String),
    /// Watches that.
    Watch(String, WatchAs),
    /// Not any more.
    Unwatch(String),
}

/// Something to tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Report {
    /// The connection's id.
    Me,
    /// The counter, one higher.
    Count,
    /// The request.
    Request,
    /// What became of the host calls in `init`.
    Notes,
    /// The number of frames in this call.
    Batch,
    /// The frame that the script came in.
    Echo,
    /// What was seen while state of many kinds was changed, by this seed.
    Churn(u64),
}

/// Why a word can't be followed.
#[derive(Debug, PartialEq)]
pub enum WordError {
    /// There is none of this name.
    Unknown(String),
    /// Its argument is missing or makes no sense.
    Argument(String),
}

impl fmt::Display for WordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "unknown word {name}"),
            Self::Argument(name) => write!(f, "bad argument of {name}"),
        }
    }
}

/// The words of a script, empty ones left out.
pub fn words(script: &str) -> impl Iterator<Item = Result<Word, WordError>> {
    raw_words(script).map(str::parse)
}

/// Whether a text is a script: whether there is a word of its first name.
pub fn is_script(text: &str) -> bool {
    let first = words(text).next();
    first.is_some_and(|word| !matches!(word, Err(WordError::Unknown(_))))
}

/// The words of a script as they stand.
pub(crate) fn raw_words(script: &str) -> impl Iterator<Item = &str> {
    let words = script.split(';').map(str::trim);
    words.filter(|word| !word.is_empty())
}

/// Cuts a word at its first `:`; a part that is not there is empty.
pub(crate) fn cut(word: &str) -> (&str, &str) {
    word.split_once(':').unwrap_or((word, ""))
}

impl FromStr for Word {
    type Err = WordError;

    fn from_str(word: &str) -> Result<Self, WordError> {
        let (name, argument) = cut(word);
        let bad = || WordError::Argument(name.to_owned());
        if let Some(command) = command(name, argument) {
            return command.map(Self::Command).ok_or_else(bad);
        }
        if let Some(act) = act(name, argument) {
            return act.map(Self::Act).ok_or_else(bad);
        }
        if let Some(call) = call(name, argument) {
            return call.map(Self::Call).ok_or_else(bad);
        }
        Ok(match name {
            "hibernate" => Self::Hibernate,
            "me" => Self::Report(Report::Me),
            "count" => Self::Report(Report::Count),
            "request" => Self::Report(Report::Request),
            "notes" => Self::Report(Report::Notes),
            "frames-batch" => Self::Report(Report::Batch),
            "echo" => Self::Report(Report::Echo),
            "churn" => Self::Report(Report::Churn(number(argument).ok_or_else(bad)?)),
            "times" => Self::Times(times(argument).ok_or_else(bad)?),
            _ => return Err(WordError::Unknown(name.to_owned())),
        })
    }
}

/// A word's meaning: none where it is not one of these, and within that none
/// where its argument makes no sense.
type Meaning<T> = Option<Option<T>>;

fn command(name: &str, argument: &str) -> Meaning<Command> {
    let payload = || control_payload(argument.into());
    Some(match name {
        "text" => Some(Command::Send(Frame::Text(argument.to_owned()))),
        "binary" => unhex(argument).map(|data| Command::Send(Frame::Binary(data))),
        "bytes" => number(argument).map(|count| Command::Send(Frame::Binary(pattern(count)))),
        "ping" => Some(Command::Send(Frame::Ping(payload()))),
        "pong" => Some(Command::Send(Frame::Pong(payload()))),
        "close" if argument.is_empty() => Some(Command::Close(None)),
        "close" => {
            let (code, reason) = cut(argument);
            number(code).map(|code| Command::Close(Some(close_frame(code, reason.to_owned()))))
        }
        "stop" => Some(Command::Stop),
        "active" => number(argument).map(Command::Active),
        "deflate" => number(argument).map(Command::Deflate),
        "options" => option_changes(argument).map(Command::SetOptions),
        "reason" => Some(Command::ShutdownReason(argument.to_owned())),
        _ => return None,
    })
}

fn act(name: &str, argument: &str) -> Meaning<Act> {
    Some(match name {
        "trap" => Some(Act::Trap),
        "panic" => Some(Act::Panic(argument.to_owned())),
        "wait" => millis(argument).map(Act::Wait),
        "loop" => Some(Act::Loop),
        "recurse" => Some(Act::Recurse),
        "grow" => number(argument).map(Act::Grow),
        "exit" => number(argument).map(Act::Exit),
        "log" => {
            let (level, line) = cut(argument);
            number(level).map(|level| Act::Log(level, line.to_owned()))
        }
        "print" => Some(Act::Print(argument.to_owned())),
        "eprint" => Some(Act::Eprint(argument.to_owned())),
        "print-part" => Some(Act::PrintPart(argument.to_owned())),
        "eprint-part" => Some(Act::EprintPart(argument.to_owned())),
        "dbg" => Some(Act::Dbg(argument.to_owned())),
        "read" => Some(Act::Read),
        _ => return None,
    })
}

fn call(name: &str, argument: &str) -> Meaning<Call> {
    let whole = argument.to_owned();
    let (first, rest) = cut(argument);
    let (to, said) = (first.to_owned(), rest.to_owned());
    Some(Some(match name {
        "timer" => return Some(millis(first).map(|after| Call::Timer(after, said))),
        "cancel" => return Some(number::<u64>(argument).map(|id| Call::Cancel(id.into()))),
        "sub" => Call::Subscribe(whole, Since::Now),
        "sub-last" => {
            return Some(number(first).map(|count| Call::Subscribe(said, Since::Last(count))));
        }
        "sub-after" => Call::Subscribe(said, Since::After(to.into())),
        "unsub" => Call::Unsubscribe(whole),
        "monitor" => Call::Monitor(whole),
        "demonitor" => Call::Demonitor(whole),
        "call" => {
            let (timeout, said) = cut(rest);
            return Some(millis(timeout).map(|timeout| Call::Ask(to, timeout, said.to_owned())));
        }
        "reply" => {
            let (call, said) = cut(rest);
            let call = number::<u64>(call);
            return Some(call.map(|call| Call::Reply(to, call.into(), said.to_owned())));
        }
        "register" => Call::Register(whole),
        "unregister" => Call::Unregister(whole),
        "lookup" => Call::Lookup(whole),
        "enter" => Call::Enter(to, said),
        "leave" => Call::Leave(whole),
        "present" => Call::Present(whole),
        "watch" => Call::Watch(whole, WatchAs::Messages),
        "watch-frames" => Call::Watch(whole, WatchAs::Frames),
        "unwatch" => Call::Unwatch(whole),
        "pub" => Call::Publish(to, said, Audience::Everyone),
        "pub-others" => Call::Publish(to, said, Audience::Others),
        "msg" => Call::Message(to, said, Audience::Everyone),
        "msg-others" => Call::Message(to, said, Audience::Others),
        "send" => Call::Send(to, said),
        _ => return None,
    }))
}

fn times(argument: &str) -> Option<Times> {
    let (count, words) = argument.split_once(':')?;
    Some(Times { count: number(count)?, words: words.to_owned() })
}

fn option_changes(argument: &str) -> Option<OptionChanges> {
    let mut changes = OptionChanges::default();
    match argument.split_once('=')? {
        ("idle", time) => changes.idle_timeout = Some(timeout(time)?),
        ("max", bytes) => changes.max_frame_size = Some(number(bytes)?),
        _ => return None,
    }
    Some(changes)
}

pub(crate) fn timeout(text: &str) -> Option<Timeout> {
    match text {
        "infinity" => Some(Timeout::Infinity),
        time => millis(time).map(Timeout::After),
    }
}

pub(crate) fn millis(text: &str) -> Option<Duration> {
    number(text).map(Duration::from_millis)
}

pub(crate) fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn pattern(count: usize) -> Vec<u8> {
    (0..251).cycle().take(count).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Word {
        text.parse().unwrap()
    }

    #[test]
    fn the_last_argument_may_have_colons() {
        let publish = Call::Publish("t".into(), "a:b".into(), Audience::Everyone);
        assert_eq!(word("pub:t:a:b"), Word::Call(publish));
        let text = Command::Send(Frame::Text("a:b".into()));
        assert_eq!(word("text:a:b"), Word::Command(text));
        let close = Command::Close(Some(close_frame(7, "a:b".into())));
        assert_eq!(word("close:7:a:b"), Word::Command(close));
        assert_eq!(word("sub:a:b"), Word::Call(Call::Subscribe("a:b".into(), Since::Now)));
    }

    #[test]
    fn arguments_are_checked() {
        for text in [
            "close:x",
            "binary:0g",
            "bytes:-1",
            "timer:x",
            "call:id:x",
            "reply:id:x",
            "sub-last:x:t",
            "log:loud:x",
            "options:idle",
            "churn:x",
            "times:2",
            "times:x:text:y",
        ] {
            assert!(matches!(text.parse::<Word>(), Err(WordError::Argument(_))), "{text}");
        }
        assert_eq!("nope:1".parse::<Word>(), Err(WordError::Unknown("nope".into())));
    }

    #[test]
    fn bytes_are_made() {
        assert_eq!(unhex("00ff"), Some(vec![0, 255]));
        assert_eq!(pattern(253)[249..], [249, 250, 0, 1]);
    }
}
