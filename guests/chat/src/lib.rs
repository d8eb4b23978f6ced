//! A chat with rooms: `/chat/ROOM?name=NAME`. A browser that asks for no
//! WebSocket gets a page to chat with.
//!
//! | A line | |
//! |---|---|
//! | `/who` | tells who is in the room |
//! | `/msg NAME: TEXT` | is told to that one alone |
//! | `/quit` | closes the connection |
//! | any other | is said to the room |
//!
//! What is said is published as a frame: the host sends it to everyone in the
//! room, and wakes nobody. A private message wakes the one that it is for. Who comes
//! is told what was said last, where the operator has the rooms keep a history:
//!
//! ```toml
//! [plugins.chat.history]
//! "*" = { count = 50, age_ms = 3600000 }
//! ```
//!
//! With `wshost serve --cluster` all this holds among those on all nodes.

use std::hash::{DefaultHasher, Hash, Hasher};

use wshost_sdk::prelude::*;
use wshost_sdk::presence;
use wshost_sdk::topics::Since;

/// How much of what was said before somebody who comes is told.
const TOLD_MAX: u32 = 50;
/// How many of a room are named.
const NAMED_MAX: usize = 100;

/// Who is here, and where.
pub struct Chat {
    room: String,
    name: String,
}

#[handler]
impl Handler for Chat {
    fn init(request: Request) -> Result<Accept<Self>, Response> {
        if !request.upgrade {
            return Err(Response::html(include_str!("page.html")));
        }
        let name = request.query_value("name").and_then(|name| tidy(&name));
        let chat = Chat {
            room: room(&request).unwrap_or_else(|| "lobby".to_owned()),
            name: name.unwrap_or_else(|| nickname(&request.id)),
        };
        // A peer that only listens is silent: pings show that it is there.
        Ok(Accept::new(chat).keep_alive(Duration::from_secs(30)))
    }

    fn opened(&mut self) -> Result<Outcome, Error> {
        self.take_name()?;
        topics::subscribe_since(&self.room, &Since::Last(TOLD_MAX))?;
        presence::enter(&self.room, &self.name)?;
        self.tell(format!("* {} joined {}", self.name, self.room))?;
        Ok(().hibernate())
    }

    fn text(&mut self, text: String) -> Result<Outcome, Error> {
        let (word, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        match word {
            "/quit" => return Ok(stop().into_outcome()),
            "/who" => return Ok(self.who()?.hibernate()),
            "/msg" => return Ok(self.private(rest)?.hibernate()),
            _ => self.tell(format!("{}: {text}", self.name))?,
        }
        Ok(().hibernate())
    }

    fn info(&mut self, message: Message) -> Outcome {
        match message {
            Message::Direct { payload, .. } => {
                String::from_utf8_lossy(&payload).into_owned().hibernate()
            }
            _ => ().hibernate(),
        }
    }

    fn terminate(&mut self, reason: Reason) {
        let left = format!("* {} left", self.name);
        if let Err(error) = topics::publish(&self.room, left, Audience::Others) {
            log::warn!("can't tell that {} left ({reason}): {error}", self.name);
        }
    }
}

impl Chat {
    /// Has others find this one by its name: the first of `NAME`, `NAME 2` and so on
    /// that nobody has in this room.
    fn take_name(&mut self) -> Result<(), Error> {
        let numbered = (2..100).map(|number| format!("{} {number}", self.name));
        for name in [self.name.clone()].into_iter().chain(numbered) {
            match names::register(&address(&self.room, &name)) {
                Ok(false) => {}
                Ok(true) => {
                    self.name = name;
                    break;
                }
                Err(Error::Unavailable(why)) => {
                    log::warn!("nobody can write to {} alone: {why}", self.name);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn tell(&self, line: String) -> Result<(), Error> {
        topics::publish(&self.room, line, Audience::Everyone)
    }

    fn who(&self) -> Result<String, Error> {
        let here = presence::list(&self.room).take(NAMED_MAX);
        let mut here = here.map(|one| Ok(one?.metadata)).collect::<Result<Vec<_>, Error>>()?;
        here.sort_unstable();
        let others = if here.len() == NAMED_MAX { ", and maybe others" } else { "" };
        Ok(format!("* here: {}{others}", here.join(", ")))
    }

    /// Sends `NAME: TEXT` to who has that name in this room, and returns what to answer.
    fn private(&self, message: &str) -> Result<String, Error> {
        let Some((name, text)) = message.split_once(':') else {
            return Ok("* say /msg NAME: TEXT".to_owned());
        };
        let (name, text) = (name.trim(), text.trim());
        match self.send_to(name, text) {
            Ok(true) => Ok(format!("(to {name}) {text}")),
            Ok(false) | Err(Error::Invalid(_)) => Ok(format!("* there is no {name} here")),
            Err(Error::Unavailable(why)) => Ok(format!("* {name} can't be reached: {why}")),
            Err(error) => Err(error),
        }
    }

    /// False: nobody has that name.
    fn send_to(&self, name: &str, text: &str) -> Result<bool, Error> {
        let Some(id) = names::lookup(&address(&self.room, name))? else { return Ok(false) };
        connections::send(&id, format!("({}) {text}", self.name))?;
        Ok(true)
    }
}

/// What a name is registered by: rooms have theirs. A room's has no dot in it.
fn address(room: &str, name: &str) -> String {
    format!("{room}.{name}")
}

/// The room: of `/chat/ROOM` or `/ROOM`. It is a topic's name, of one token.
fn room(request: &Request) -> Option<String> {
    let mut segments = request.segments().skip_while(|first| first == "chat");
    segments.next().and_then(|room| tidy(&room.replace(['.', '*', '>'], " ")))
}

/// A name of at most 32 characters that can be printed; none where none is left.
fn tidy(name: &str) -> Option<String> {
    let kept: String = name.chars().filter(|c| !c.is_control()).take(32).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// A name made from an id without giving it away: who has the id can send to it.
fn nickname(id: &ConnectionId) -> String {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    format!("guest-{:04}", hasher.finish() % 10_000)
}

#[cfg(test)]
mod tests;
