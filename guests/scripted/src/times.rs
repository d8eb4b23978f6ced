//! The same again and again: what a handler does that floods its host.

use wshost_sdk::{Command, Frame};

use crate::word::{Times, Word};

/// What separates the words that are repeated.
const SEPARATOR: char = '+';
/// What stands for the number of the round.
const ROUND: &str = "#";

impl Times {
    /// Does it. Commands are returned as often as they stand there; of what the
    /// host refused, the last is told.
    pub(crate) fn run(self, commands: &mut Vec<Command>) {
        let mut refused = None;
        for round in 0..self.count {
            let words = self.words.replace(ROUND, &round.to_string());
            for word in words.split(SEPARATOR) {
                refused = once(word, commands).or(refused);
            }
        }
        let refused = refused.map_or_else(String::new, |refused| format!(" {refused}"));
        commands.push(Command::Send(Frame::Text(format!("times {}{refused}", self.count))));
    }
}

/// Does one word once. Returns why it was not done.
fn once(word: &str, commands: &mut Vec<Command>) -> Option<String> {
    match word.parse() {
        Ok(Word::Command(command)) => commands.push(command),
        Ok(Word::Act(act)) => act.run(),
        Ok(Word::Call(call)) => return Some(call.run().into_note()).filter(|note| note != "ok"),
        Ok(_) => return Some(format!("{word} can't be repeated")),
        Err(error) => return Some(error.to_string()),
    }
    None
}
