//! Names of topics, and the patterns that are subscribed to: NATS's subjects.
//!
//! Both are tokens joined by `.`. In a pattern a token `*` stands for any one
//! token, and `>`, as the last one, for one or more.

use thiserror::Error;

pub(super) const SEPARATOR: char = '.';
pub(super) const ANY: &str = "*";
pub(super) const REST: &str = ">";

/// What was given is not the name of a topic, or no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidSubject {
    /// It has an empty token, or a control character.
    #[error(
        "a topic's name is tokens that are not empty, joined by `.`, without control characters"
    )]
    Form,
    /// It is a pattern where a name is asked for.
    #[error("`*` and `>` stand for other tokens, and can only be subscribed to")]
    Wildcard,
    /// Something follows a `>`.
    #[error("`>` is the last token of a pattern")]
    Rest,
}

/// The tokens of a name or a pattern.
pub(super) fn tokens(subject: &str) -> impl Iterator<Item = &str> {
    subject.split(SEPARATOR)
}

/// Checks the name of a topic.
///
/// # Errors
/// It is none.
pub fn check_topic(name: &str) -> Result<(), InvalidSubject> {
    check_form(name)?;
    if has_wildcard(name) { Err(InvalidSubject::Wildcard) } else { Ok(()) }
}

/// Checks a pattern. A topic's name is one.
///
/// # Errors
/// It is none.
pub fn check_pattern(pattern: &str) -> Result<(), InvalidSubject> {
    check_form(pattern)?;
    let last = tokens(pattern).count() - 1;
    if tokens(pattern).take(last).any(|token| token == REST) {
        return Err(InvalidSubject::Rest);
    }
    Ok(())
}

fn check_form(subject: &str) -> Result<(), InvalidSubject> {
    let control = subject.chars().any(char::is_control);
    if control || tokens(subject).any(str::is_empty) {
        return Err(InvalidSubject::Form);
    }
    Ok(())
}

/// How many tokens it has.
#[must_use]
pub fn token_count(subject: &str) -> usize {
    tokens(subject).count()
}

/// Whether a pattern is more than the name of one topic.
#[must_use]
pub fn has_wildcard(pattern: &str) -> bool {
    tokens(pattern).any(|token| token == ANY || token == REST)
}

/// Whether a topic is one of those that a pattern stands for.
#[must_use]
pub fn matches(pattern: &str, topic: &str) -> bool {
    let mut tokens_left = tokens(topic);
    for token in tokens(pattern) {
        match (token, tokens_left.next()) {
            (_, None) => return false,
            (REST, Some(_)) => return true,
            (ANY, Some(_)) => {}
            (token, Some(other)) if token == other => {}
            _ => return false,
        }
    }
    tokens_left.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_as_in_nats() {
        for (pattern, topic, expected) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a", "a.b", false),
            ("a.b", "a", false),
            ("*", "a", true),
            ("*", "a.b", false),
            ("a.*", "a.b", true),
            ("a.*", "a", false),
            ("a.*.c", "a.b.c", true),
            ("a.*.c", "a.b.d", false),
            (">", "a", true),
            (">", "a.b.c", true),
            ("a.>", "a", false),
            ("a.>", "a.b", true),
            ("a.>", "a.b.c", true),
            ("*.>", "a.b", true),
            ("a*", "ab", false),
            ("a*", "a*", true),
        ] {
            assert_eq!(matches(pattern, topic), expected, "{pattern} {topic}");
        }
    }

    #[test]
    fn names_and_patterns_are_told_apart() {
        for name in ["a", "a.b c.é", "a*", ">a", "a.*b"] {
            assert_eq!(check_topic(name), Ok(()), "{name}");
            assert_eq!(check_pattern(name), Ok(()), "{name}");
        }
        for pattern in ["*", ">", "a.*", "*.a.>"] {
            assert_eq!(check_topic(pattern), Err(InvalidSubject::Wildcard), "{pattern}");
            assert_eq!(check_pattern(pattern), Ok(()), "{pattern}");
        }
        for none in ["", ".", "a.", ".a", "a..b", "a\nb", "\u{7f}"] {
            assert_eq!(check_topic(none), Err(InvalidSubject::Form), "{none:?}");
            assert_eq!(check_pattern(none), Err(InvalidSubject::Form), "{none:?}");
        }
        assert_eq!(check_pattern(">.a"), Err(InvalidSubject::Rest));
        assert_eq!(check_pattern("a.>.*"), Err(InvalidSubject::Rest));
    }
}
