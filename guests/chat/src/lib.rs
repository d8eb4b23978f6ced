//! A chat with rooms: `/chat/ROOM?name=NAME`. A browser that asks for no
//! WebSocket gets a page to chat with.
//!
//! What is said is published as a frame: the host sends it to everyone in the
//! room, and wakes nobody.

use std::hash::{DefaultHasher, Hash, Hasher};

use wshost_sdk::prelude::*;

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
        topics::subscribe(&self.room)?;
        self.tell(format!("* {} joined {}", self.name, self.room))?;
        Ok(().hibernate())
    }

    fn text(&mut self, text: String) -> Result<Outcome, Error> {
        if text.trim() == "/quit" {
            return Ok(stop().into_outcome());
        }
        self.tell(format!("{}: {text}", self.name))?;
        Ok(().hibernate())
    }

    fn terminate(&mut self, reason: Reason) {
        let left = format!("* {} left", self.name);
        if let Err(error) = topics::publish(&self.room, left, Audience::Others) {
            log::warn!("can't tell that {} left ({reason}): {error}", self.name);
        }
    }
}

impl Chat {
    fn tell(&self, line: String) -> Result<(), Error> {
        topics::publish(&self.room, line, Audience::Everyone)
    }
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
