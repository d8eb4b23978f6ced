//! Uses what it is granted, as it is told: the handler of the host's tests of
//! capabilities.
//!
//! A text frame is a command, its parts separated by spaces, and is answered with
//! what came of it.
//!
//! | Command | |
//! |---|---|
//! | `get STORE KEY` `set STORE KEY VALUE` `delete STORE KEY` | |
//! | `set-if STORE KEY EXPECTED VALUE` | `-` is none |
//! | `increment STORE KEY NUMBER` `keys STORE PREFIX` | |
//! | `env NAME` | |
//! | `read PATH` `list PATH` `write PATH TEXT` | |
//! | `fetch URL` | the status, and the body or its length |
//! | `hold PATH` `release` | keeps a file open, until it is released |
//! | `print TEXT` | |
//! | `count` | counts up |
//!
//! It asks for hibernation each time. A command in the request's header `x-init` is
//! done in `init`, and answered when the connection is open.

#[cfg(target_arch = "wasm32")]
mod http;

use std::{env, fs};

use wshost_sdk::key_value::Store;
use wshost_sdk::prelude::*;

/// What a connection remembers.
pub struct Granted {
    in_init: Option<String>,
    held: Option<fs::File>,
    count: u64,
}

#[handler]
impl Handler for Granted {
    fn init(request: Request) -> Result<Accept<Self>, Response> {
        let mut granted = Self { in_init: None, held: None, count: 0 };
        let command = request.header("x-init");
        granted.in_init = command.map(|command| granted.command(command));
        Ok(Accept::new(granted))
    }

    fn opened(&mut self) -> Outcome {
        self.in_init.take().hibernate()
    }

    fn text(&mut self, text: String) -> Outcome {
        self.command(&text).hibernate()
    }
}

impl Granted {
    fn command(&mut self, command: &str) -> String {
        let mut parts = command.splitn(2, ' ');
        let (name, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        match name {
            "env" => env::var(rest).unwrap_or_else(|_| "none".to_owned()),
            "read" | "list" | "write" => file(name, rest).unwrap_or_else(|error| error.to_string()),
            #[cfg(target_arch = "wasm32")]
            "fetch" => http::fetch(rest),
            "hold" => match fs::File::open(rest) {
                Ok(file) => {
                    self.held = Some(file);
                    "held".to_owned()
                }
                Err(error) => error.to_string(),
            },
            "release" => {
                self.held = None;
                "released".to_owned()
            }
            "print" => {
                println!("{rest}");
                "printed".to_owned()
            }
            "count" => {
                self.count += 1;
                self.count.to_string()
            }
            _ => key_value(name, rest).unwrap_or_else(|error| format!("{error:?}")),
        }
    }
}

fn key_value(name: &str, rest: &str) -> Result<String, Error> {
    let parts: Vec<&str> = rest.splitn(4, ' ').collect();
    let part = |at: usize| parts.get(at).copied().unwrap_or_default();
    let optional = |at: usize| Some(part(at)).filter(|part| *part != "-").map(str::as_bytes);
    let (store, key) = (Store::named(part(0)), part(1));
    Ok(match name {
        "get" => match store.get(key)? {
            Some(value) => String::from_utf8_lossy(&value).into_owned(),
            None => "none".to_owned(),
        },
        "set" => store.set(key, part(2)).map(|()| "set".to_owned())?,
        "delete" => store.delete(key)?.to_string(),
        "set-if" => store.set_if(key, optional(2), optional(3))?.to_string(),
        "increment" => store.increment(key, part(2).parse().unwrap_or(1))?.to_string(),
        "keys" => store.keys(key).collect::<Result<Vec<_>, _>>()?.join(" "),
        _ => format!("unknown command {name}"),
    })
}

fn file(name: &str, rest: &str) -> std::io::Result<String> {
    let (path, text) = rest.split_once(' ').unwrap_or((rest, ""));
    match name {
        "read" => fs::read_to_string(path),
        "write" => fs::write(path, text).map(|()| "written".to_owned()),
        _ => {
            let names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().into_string()));
            let names: std::io::Result<Vec<_>> = names.collect();
            let mut names: Vec<String> = names?.into_iter().flatten().collect();
            names.sort();
            Ok(names.join(" "))
        }
    }
}
