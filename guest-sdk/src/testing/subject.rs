//! Names of topics and patterns, checked as the host does.

use crate::Error;

pub(super) fn check_topic(topic: &str) -> Result<String, Error> {
    let topic = check_pattern(topic)?;
    if has_wildcard(&topic) {
        let how = "`*` and `>` stand for other tokens, and can only be subscribed to";
        return Err(Error::Invalid(how.to_owned()));
    }
    Ok(topic)
}

pub(super) fn check_pattern(pattern: &str) -> Result<String, Error> {
    if pattern.contains(char::is_control) || pattern.split('.').any(str::is_empty) {
        let how = "a topic's name is tokens that are not empty, joined by `.`, without control \
                   characters";
        return Err(Error::Invalid(how.to_owned()));
    }
    if pattern.split('.').rev().skip(1).any(|token| token == ">") {
        return Err(Error::Invalid("`>` is the last token of a pattern".to_owned()));
    }
    Ok(pattern.to_owned())
}

pub(super) fn has_wildcard(pattern: &str) -> bool {
    pattern.split('.').any(|token| token == "*" || token == ">")
}
