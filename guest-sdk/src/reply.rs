//! What a callback returns.

use std::borrow::Cow;
use std::fmt::Display;

use crate::{CloseCode, CloseFrame, Closing, Command, Commands, Frame};

/// What a callback may return.
///
/// | Type | Meaning |
/// |---|---|
/// | `()` | nothing |
/// | `&str`, `String`, `Cow<str>` | a text frame |
/// | `Vec<u8>`, `&[u8]`, `&[u8; N]` | a binary frame |
/// | [`Frame`] | that frame |
/// | [`Commands`] | that list |
/// | [`close(…)`](crate::close), [`stop()`](crate::stop) | the end of the connection |
/// | `Option<R>` | nothing, or as `R` |
/// | `Vec<R>`, `[R; N]`, tuples of up to six | one behind the other |
/// | `Result<R, E>` | as `R`; an error is logged (target `handler`), recorded as the shutdown reason, and closes with 1011 |
///
/// Each of them may ask for [hibernation](Reply::hibernate).
///
/// ```
/// # use wshost_sdk::prelude::*;
/// # fn opened() -> impl Reply {
/// ("Hello", "world!", vec![0; 1000]).hibernate()
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a callback can't return `{Self}`",
    label = "not a reply",
    note = "return `()`, text, bytes, a `Frame`, `Commands`, `close(…)` or `stop()`, or an `Option`, `Result`, list or tuple of these"
)]
pub trait Reply: Sized {
    /// Adds what this says to what is there. Behind a close there is nothing
    /// to add to: it is dropped, as the host would.
    fn add_to(self, outcome: &mut Outcome);

    /// Lets the host unload this handler to a snapshot until the next event,
    /// which restores it; it can't tell, but by the clock.
    ///
    /// Sleeping handlers cost next to no memory, so ask for it wherever the
    /// next event may be a while away.
    fn hibernate(self) -> Outcome {
        let mut outcome = self.into_outcome();
        outcome.set_hibernate(true);
        outcome
    }

    /// This reply as an [`Outcome`], for a callback that returns now one
    /// kind of reply, now another.
    fn into_outcome(self) -> Outcome {
        let mut outcome = Outcome::new();
        self.add_to(&mut outcome);
        outcome
    }
}

/// Any [`Reply`], made concrete: a list of commands, and whether to hibernate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    commands: Vec<Command>,
    hibernate: bool,
}

impl Outcome {
    /// Nothing to do, and no hibernation.
    pub const fn new() -> Self {
        Self { commands: Vec::new(), hibernate: false }
    }

    /// The commands, in order.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// Whether the host may unload the handler.
    pub fn hibernates(&self) -> bool {
        self.hibernate
    }

    /// Whether the last command ends the connection.
    pub fn is_closing(&self) -> bool {
        matches!(self.commands.last(), Some(Command::Close(_) | Command::Stop))
    }

    /// This, and behind it the answer to the next event: the commands of both,
    /// and the hibernation of the next.
    pub fn then(mut self, next: impl Reply) -> Self {
        if !self.is_closing() {
            self.hibernate = false;
            next.add_to(&mut self);
        }
        self
    }

    pub(crate) fn push(&mut self, command: Command) {
        if !self.is_closing() {
            self.commands.push(command);
        }
    }

    pub(crate) fn set_hibernate(&mut self, hibernate: bool) {
        self.hibernate = hibernate;
    }

    pub(crate) fn unchecked(commands: Vec<Command>, hibernate: bool) -> Self {
        Self { commands, hibernate }
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn into_parts(self) -> (Vec<Command>, bool) {
        (self.commands, self.hibernate)
    }
}

impl Reply for Outcome {
    fn add_to(mut self, outcome: &mut Outcome) {
        if outcome.is_closing() {
            return;
        }
        if outcome.commands.is_empty() {
            outcome.commands = self.commands;
        } else {
            outcome.commands.append(&mut self.commands);
        }
        outcome.hibernate |= self.hibernate;
    }

    fn into_outcome(self) -> Outcome {
        self
    }
}

/// One of two replies.
pub(crate) enum Either<L, R> {
    Left(L),
    Right(R),
}

impl<L: Reply, R: Reply> Reply for Either<L, R> {
    fn add_to(self, outcome: &mut Outcome) {
        match self {
            Self::Left(reply) => reply.add_to(outcome),
            Self::Right(reply) => reply.add_to(outcome),
        }
    }
}

impl Reply for Frame {
    fn add_to(self, outcome: &mut Outcome) {
        outcome.push(Command::Send(self));
    }
}

/// Implements [`Reply`] for what a [`Frame`] is made from.
macro_rules! reply_as_frame {
    ($($type:ty),+) => {$(
        impl Reply for $type {
            fn add_to(self, outcome: &mut Outcome) {
                Frame::from(self).add_to(outcome);
            }
        }
    )+};
}

reply_as_frame!(&str, String, Cow<'_, str>, Vec<u8>, &[u8]);

impl<const N: usize> Reply for &[u8; N] {
    fn add_to(self, outcome: &mut Outcome) {
        self.as_slice().add_to(outcome);
    }
}

impl Reply for Commands {
    fn add_to(self, outcome: &mut Outcome) {
        for command in self.into_list() {
            outcome.push(command);
        }
    }
}

impl Reply for Closing {
    fn add_to(self, outcome: &mut Outcome) {
        for command in self.into_list() {
            outcome.push(command);
        }
    }
}

impl<R: Reply> Reply for Option<R> {
    fn add_to(self, outcome: &mut Outcome) {
        if let Some(reply) = self {
            reply.add_to(outcome);
        }
    }
}

impl<R: Reply, E: Display> Reply for Result<R, E> {
    fn add_to(self, outcome: &mut Outcome) {
        match self {
            Ok(reply) => reply.add_to(outcome),
            Err(error) => {
                let error = error.to_string();
                log::error!(target: "handler", "{error}");
                outcome.push(Command::ShutdownReason(error));
                outcome.push(Command::Close(Some(CloseFrame::new(CloseCode::INTERNAL_ERROR, ""))));
            }
        }
    }
}

impl<R: Reply> Reply for Vec<R> {
    fn add_to(self, outcome: &mut Outcome) {
        for reply in self {
            reply.add_to(outcome);
        }
    }
}

impl<R: Reply, const N: usize> Reply for [R; N] {
    fn add_to(self, outcome: &mut Outcome) {
        for reply in self {
            reply.add_to(outcome);
        }
    }
}

impl Reply for () {
    fn add_to(self, _: &mut Outcome) {}
}

/// Implements [`Reply`] for a tuple of replies.
macro_rules! reply_as_tuple {
    ($($name:ident)+) => {
        impl<$($name: Reply),+> Reply for ($($name,)+) {
            #[allow(non_snake_case)] // a type's name serves as its value's name
            fn add_to(self, outcome: &mut Outcome) {
                let ($($name,)+) = self;
                $($name.add_to(outcome);)+
            }
        }
    };
}

reply_as_tuple!(A B);
reply_as_tuple!(A B C);
reply_as_tuple!(A B C D);
reply_as_tuple!(A B C D E);
reply_as_tuple!(A B C D E F);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{close, stop};

    fn texts(reply: impl Reply) -> Vec<String> {
        let text = |command: &Command| match command {
            Command::Send(Frame::Text(text)) => text.clone(),
            other => format!("{other:?}"),
        };
        reply.into_outcome().commands().iter().map(text).collect()
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(().into_outcome(), Outcome::new());
        assert_eq!(None::<String>.into_outcome(), Outcome::new());
        assert_eq!(Commands::new().into_outcome(), Outcome::new());
    }

    #[test]
    fn text_is_text_and_bytes_are_binary() {
        assert_eq!(texts("a"), ["a"]);
        assert_eq!(texts(String::from("a")), ["a"]);
        assert_eq!(texts(Cow::Borrowed("a")), ["a"]);
        for outcome in [vec![7].into_outcome(), (&[7u8]).into_outcome()] {
            assert_eq!(outcome.commands(), [Command::Send(Frame::Binary(vec![7]))]);
        }
    }

    #[test]
    fn many_keep_their_order() {
        assert_eq!(texts(("a", ["b", "c"], vec!["d".to_owned()])), ["a", "b", "c", "d"]);
    }

    #[test]
    fn nothing_follows_a_close() {
        assert_eq!(texts(("a", stop(), "b")), ["a", "Stop"]);
        let closing = close(CloseCode::NORMAL, "bye").into_outcome();
        assert_eq!((closing.clone(), "b").into_outcome(), closing);
        assert_eq!((closing.clone(), "b".into_outcome()).into_outcome(), closing);
    }

    #[test]
    fn hibernation_goes_with_any_reply() {
        assert!(().hibernate().hibernates());
        assert!("a".hibernate().hibernates());
        assert!(("a".hibernate(), "b").into_outcome().hibernates());
        assert!(!"a".into_outcome().hibernates());
    }

    #[test]
    fn an_error_closes_with_1011() {
        let outcome = Err::<(), _>("no luck").into_outcome();
        let frame = CloseFrame::new(CloseCode::INTERNAL_ERROR, "");
        assert_eq!(
            outcome.commands(),
            [Command::ShutdownReason("no luck".to_owned()), Command::Close(Some(frame))]
        );
        assert_eq!(texts(Ok::<_, String>("fine")), ["fine"]);
    }
}
