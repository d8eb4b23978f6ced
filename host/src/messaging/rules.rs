//! Which topics have a history, by the operator's configuration.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::subject::{self, ANY, REST};

/// How much is kept of what is published to the topics that match a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which topics: a pattern that was [checked](subject::check_pattern).
    pub pattern: Arc<str>,
    /// How many frames and messages, the newest, of each topic.
    pub count: usize,
    /// For how long. None: for ever.
    pub age: Option<Duration>,
}

impl Rule {
    pub(super) fn is_over(&self, at: Instant, now: Instant) -> bool {
        self.age.is_some_and(|age| now.saturating_duration_since(at) >= age)
    }
}

/// The rules of one plugin. Where several match a topic, the one holds that is more
/// exact at the first token where they differ: a name before `*` before `>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Arc<[Rule]>);

impl Rules {
    /// These. Of two with the same pattern the later one holds.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        let by_pattern = rules.into_iter().map(|rule| (rule.pattern.clone(), rule));
        let by_pattern: BTreeMap<_, _> = by_pattern.collect();
        let mut rules: Vec<Rule> = by_pattern.into_values().collect();
        rules.sort_by(|a, b| ranks(&a.pattern).cmp(ranks(&b.pattern)));
        Self(rules.into())
    }

    /// The rule for a topic, if there is one.
    #[must_use]
    pub fn find(&self, topic: &str) -> Option<&Rule> {
        self.0.iter().find(|rule| subject::matches(&rule.pattern, topic))
    }

    /// All of them, the most exact first.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn ranks(pattern: &str) -> impl Iterator<Item = u8> {
    subject::tokens(pattern).map(|token| match token {
        REST => 2,
        ANY => 1,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_rule_holds() {
        let rule = |pattern: &str, count| Rule { pattern: pattern.into(), count, age: None };
        let rules = [rule(">", 1), rule("a.*", 2), rule("*.b", 3), rule("a.b", 4), rule("a.b", 5)];
        let rules = Rules::new(rules);
        for (topic, count) in [("a.b", 5), ("a.c", 2), ("c.b", 3), ("c", 1), ("a.b.c", 1)] {
            assert_eq!(rules.find(topic).map(|rule| rule.count), Some(count), "{topic}");
        }
    }
}
