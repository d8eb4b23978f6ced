//! What a handler may be called.

use anyhow::{Result, bail};

/// The longest name that crates can be published by.
const LENGTH_MAX: usize = 64;
/// Words of the language: a crate of such a name can be used by nobody, its own
/// tests included.
const KEYWORDS: &str = "abstract as async await become box break const continue crate do dyn else \
    enum extern false final fn for gen if impl in let loop macro match mod move mut override priv \
    pub ref return self static struct super trait true try type typeof unsafe unsized use virtual \
    where while yield";
/// Crates that are there already.
const TAKEN: [&str; 6] = ["alloc", "core", "proc-macro", "std", "test", "wshost-sdk"];

/// The name of a handler.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name(String);

impl Name {
    /// Checks that a crate can have this name.
    pub(super) fn new(name: &str) -> Result<Self> {
        if is_valid(name) {
            return Ok(Self(name.to_owned()));
        }
        bail!(
            "{name:?} can't be the name of a crate, which is of ASCII letters, digits, `-` and `_`, \
             begins with a letter, and is no word of Rust's; how about `{}`?",
            nearest(name)
        )
    }

    /// The crate's.
    pub(super) fn package(&self) -> &str {
        &self.0
    }

    /// The component's, which is the plugin's: cargo writes files with `_` for `-`.
    pub(super) fn plugin(&self) -> String {
        self.0.replace('-', "_")
    }
}

fn is_valid(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(known)
        && name.len() <= LENGTH_MAX
        && !KEYWORDS.split_whitespace().any(|word| word == name)
        && !TAKEN.contains(&name.replace('_', "-").as_str())
}

/// A valid name that is much like it.
fn nearest(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        name = ["handler", &name].join("-");
    }
    name.truncate(LENGTH_MAX);
    let name = name.trim_end_matches('-');
    if is_valid(name) { name.to_owned() } else { format!("{name}-handler") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_crates_are_taken_as_they_are() {
        for name in ["a", "hello", "my-chat_2", "Room"] {
            assert_eq!(Name::new(name).unwrap().package(), name);
        }
        assert_eq!(Name::new("my-chat").unwrap().plugin(), "my_chat");
    }

    #[test]
    fn for_others_one_is_proposed_that_is_valid() {
        let long = "x".repeat(65);
        for (name, proposed) in [
            ("my chat", "my-chat"),
            ("Räume", "r-ume"),
            ("2nd", "handler-2nd"),
            ("../up", "up"),
            ("", "handler"),
            ("--", "handler"),
            ("fn", "fn-handler"),
            ("wshost_sdk", "wshost-sdk-handler"),
            (&long, &long[..LENGTH_MAX]),
        ] {
            let error = Name::new(name).unwrap_err().to_string();
            assert!(error.contains(&format!("`{proposed}`?")), "{error}");
            assert!(is_valid(proposed), "{proposed}");
        }
    }
}
