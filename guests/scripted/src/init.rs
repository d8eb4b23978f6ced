//! The script of `init`, in the header `x-init`.
//!
//! | Word | Meaning |
//! |---|---|
//! | `accept` | accept: the default |
//! | `subprotocol:NAME` | with this subprotocol |
//! | `header:NAME:VALUE` | with this header field, also of a response |
//! | `idle:MS` `idle:infinity` `max:BYTES` `keepalive:MS` | with these options |
//! | `hide-control` | leave pings and pongs to the host |
//! | `compress` | offer compression |
//! | `compress:NAME=VALUE,...` | with `level`, `mem-level`, `threshold`, `server-bits`, `client-bits`, `server-takeover`, `client-takeover` |
//! | `only:a,b,c` | want these callbacks alone |
//! | `respond:STATUS:BODY` | answer with this instead |
//! | `respond-bytes:STATUS:N` | answer with N bytes |
//! | `refuse` | refuse |
//!
//! With the header `x-hibernate: 1`, hibernation is asked for in every callback;
//! if `opened` is one, the response names the connection, in `x-connection`.
//!
//! The script of `restore`, in the header `x-restore`, has of these what can be
//! changed.
//!
//! Besides, what is done at once, and host calls; what becomes of the latter is
//! noted.

use wshost_sdk::prelude::*;
use wshost_sdk::{Callbacks, Timeout};

use crate::Scripted;
use crate::word::{Word, WordError, cut, millis, number, raw_words, timeout};

/// Runs the script: first what is done at once, then the answer.
pub(crate) fn run(mut state: Scripted) -> Result<Accept<Scripted>, Response> {
    let script = state.script("x-init").unwrap_or_default();
    for word in raw_words(&script) {
        match word.parse() {
            Ok(Word::Act(act)) => act.run(),
            Ok(Word::Call(call)) => state.notes.push(call.run().into_note()),
            Ok(Word::Times(times)) => times.run(&mut Vec::new()),
            _ => {}
        }
    }
    if let Some(response) = raw_words(&script).find_map(response) {
        return Err(raw_words(&script)
            .filter_map(header)
            .fold(response, |response, (name, value)| response.header(name, value)));
    }
    let id = state.always_hibernates().then(|| state.request.id.to_string());
    let mut accept = Accept::new(state);
    if let Some(id) = id.filter(|_| !script.contains("only:") || script.contains("opened")) {
        accept = accept.header("x-connection", id);
    }
    raw_words(&script)
        .try_fold(accept, extend)
        .map_err(|error| Response::new(500).text(format!("x-init: {error}")))
}

/// Runs the script of `restore`.
pub(crate) fn restored(state: Scripted) -> Result<Accept<Scripted>, String> {
    let script = state.script("x-restore").unwrap_or_default();
    raw_words(&script)
        .try_fold(Accept::new(state), extend)
        .map_err(|error| format!("x-restore: {error}"))
}

fn response(word: &str) -> Option<Response> {
    match cut(word) {
        ("refuse", _) => Some(Response::refuse()),
        ("respond", argument) => {
            let (status, body) = cut(argument);
            Some(Response::new(number(status)?).body(body))
        }
        ("respond-bytes", argument) => {
            let (status, count) = cut(argument);
            Some(Response::new(number(status)?).body(vec![b'x'; number(count)?]))
        }
        _ => None,
    }
}

fn header(word: &str) -> Option<(&str, &str)> {
    match cut(word) {
        ("header", argument) => Some(cut(argument)),
        _ => None,
    }
}

fn extend(accept: Accept<Scripted>, word: &str) -> Result<Accept<Scripted>, WordError> {
    let (name, argument) = cut(word);
    let bad = || WordError::Argument(name.to_owned());
    Ok(match name {
        "accept" => accept,
        "subprotocol" => accept.subprotocol(argument),
        "header" => {
            let (name, value) = cut(argument);
            accept.header(name, value)
        }
        "idle" => match timeout(argument).ok_or_else(bad)? {
            Timeout::After(time) => accept.idle_timeout(time),
            Timeout::Infinity => accept.no_idle_timeout(),
        },
        "max" => accept.max_frame_size(number(argument).ok_or_else(bad)?),
        "keepalive" => accept.keep_alive(millis(argument).ok_or_else(bad)?),
        "hide-control" => accept.control_frames(false),
        "compress" => accept.compress(deflate(argument).ok_or_else(bad)?),
        "only" => accept.callbacks(callbacks(argument)),
        _ => match word.parse()? {
            Word::Act(_) | Word::Call(_) | Word::Times(_) => accept, // was run before
            _ => return Err(WordError::Unknown(name.to_owned())),
        },
    })
}

fn deflate(options: &str) -> Option<Deflate> {
    let mut options = options.split(',').filter(|option| !option.is_empty());
    options.try_fold(Deflate::new(), |deflate, option| {
        let (name, value) = option.split_once('=')?;
        Some(match name {
            "level" => deflate.level(number(value)?),
            "mem-level" => deflate.mem_level(number(value)?),
            "threshold" => deflate.threshold(number(value)?),
            "server-bits" => deflate.server_max_window_bits(number(value)?),
            "client-bits" => deflate.client_max_window_bits(number(value)?),
            "server-takeover" => deflate.server_context_takeover(number(value)?),
            "client-takeover" => deflate.client_context_takeover(number(value)?),
            _ => return None,
        })
    })
}

fn callbacks(names: &str) -> Callbacks {
    let named = |name| names.split(',').any(|other| other.trim() == name);
    Callbacks {
        opened: named("opened"),
        frames: named("frames"),
        info: named("info"),
        terminate: named("terminate"),
    }
}
