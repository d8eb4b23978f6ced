//! Does what the request or the frame tells it: the handler of the host's tests.
//!
//! A *script* is a list of words separated by `;`, each `name` or
//! `name:argument`; see [`word`] for the words. A text frame is a script;
//! so are the request's headers `x-init`, `x-opened`, `x-info` and
//! `x-terminate`, and `x-restore`. With `x-hibernate: 1` every callback asks for
//! hibernation.
//! A text frame that is no script, and a binary frame, is echoed.

mod act;
mod churn;
mod init;
mod report;
mod times;
pub mod word;

use wshost_sdk::__private::unchecked;
use wshost_sdk::Command;
use wshost_sdk::prelude::*;

use churn::Churn;
use word::{Report, Word, is_script, words};

/// What a connection remembers.
pub struct Scripted {
    request: Request,
    /// What became of the host calls made in `init`, one a line.
    notes: Vec<String>,
    count: u64,
    /// How many frames the host gave in its last call.
    batch: usize,
    /// Made by the first word `churn`.
    churn: Option<Churn>,
}

#[handler]
impl Handler for Scripted {
    fn init(request: Request) -> Result<Accept<Self>, Response> {
        init::run(Self::new(request, 0))
    }

    fn opened(&mut self) -> Outcome {
        match self.script("x-opened") {
            Some(script) => self.run(&script, None),
            None => self.outcome(Vec::new(), false),
        }
    }

    fn frames(&mut self, frames: Vec<Frame>) -> Outcome {
        self.batch = frames.len();
        let mut outcome = Outcome::new();
        for frame in frames {
            outcome = outcome.then(self.frame(frame));
            if outcome.is_closing() {
                break;
            }
        }
        outcome
    }

    fn frame(&mut self, frame: Frame) -> Outcome {
        match &frame {
            Frame::Text(text) if is_script(text) => self.run(text, Some(&frame)),
            Frame::Text(_) | Frame::Binary(_) => self.answer(frame),
            Frame::Ping(payload) => self.answer(report::control("ping", payload)),
            Frame::Pong(payload) => self.answer(report::control("pong", payload)),
        }
    }

    fn info(&mut self, message: Message) -> Outcome {
        match self.script("x-info") {
            Some(script) => self.run(&script, None),
            None => self.answer(report::message(&message)),
        }
    }

    fn terminate(&mut self, reason: Reason) {
        if let Some(script) = self.script("x-terminate") {
            let _ = self.run(&script, None); // nothing reaches the peer any more
        }
        log::info!(target: "scripted", "terminate {}", report::reason(&reason));
    }

    fn save(&self) -> Option<Vec<u8>> {
        Some(self.count.to_string().into_bytes())
    }

    fn restore(request: Request, state: Vec<u8>, _: String) -> Result<Accept<Self>, String> {
        let state = String::from_utf8(state).map_err(|error| error.to_string())?;
        let count = state.parse().map_err(|_| format!("no count: {state}"))?;
        init::restored(Self::new(request, count))
    }
}

impl Scripted {
    fn new(request: Request, count: u64) -> Self {
        Self { request, notes: Vec::new(), count, batch: 0, churn: None }
    }

    fn script(&self, header: &str) -> Option<String> {
        self.request.header(header).map(str::to_owned)
    }

    /// Runs a script, `frame` being what it came in.
    fn run(&mut self, script: &str, frame: Option<&Frame>) -> Outcome {
        let mut commands = Vec::new();
        let mut hibernate = false;
        for word in words(script) {
            match word {
                Ok(Word::Command(command)) => commands.push(command),
                Ok(Word::Hibernate) => hibernate = true,
                Ok(Word::Act(act)) => act.run(),
                Ok(Word::Call(call)) => commands.extend(call.run().into_answer().map(text)),
                Ok(Word::Report(report)) => commands.extend(self.report(report, frame)),
                Ok(Word::Times(times)) => times.run(&mut commands),
                Err(error) => commands.push(text(error.to_string())),
            }
        }
        self.outcome(commands, hibernate)
    }

    fn report(&mut self, report: Report, frame: Option<&Frame>) -> Option<Command> {
        Some(text(match report {
            Report::Me => format!("id {}", self.request.id),
            Report::Count => {
                self.count += 1;
                format!("count {}", self.count)
            }
            Report::Request => report::request(&self.request),
            Report::Notes => self.notes.join("\n"),
            Report::Batch => format!("batch {}", self.batch),
            Report::Churn(seed) => self.churn.get_or_insert_with(Churn::new).run(seed),
            Report::Echo => return frame.cloned().map(Command::Send),
        }))
    }

    fn answer(&self, frame: impl Into<Frame>) -> Outcome {
        self.outcome(vec![Command::Send(frame.into())], false)
    }

    fn outcome(&self, commands: Vec<Command>, hibernate: bool) -> Outcome {
        // Unchecked: what stands behind a close is the host's to drop.
        unchecked::outcome(commands, hibernate || self.always_hibernates())
    }

    fn always_hibernates(&self) -> bool {
        self.request.header("x-hibernate") == Some("1")
    }
}

fn text(text: String) -> Command {
    Command::Send(Frame::Text(text))
}

#[cfg(test)]
mod tests;
