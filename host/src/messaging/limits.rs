//! What may be published, by a plugin's settings.

use thiserror::Error;

use super::{publication::Publication, subject};
use crate::config::Config;

/// What may be published, by the settings of these names.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest payload.
    pub payload_max_bytes: usize,
    /// The longest name of a topic.
    pub topic_max_bytes: usize,
    /// The most tokens that one has.
    pub topic_tokens_max: usize,
}

/// More was published elsewhere than the settings here allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("more than {0} allows")]
pub struct TooLarge(&'static str);

impl Limits {
    pub(super) fn of(config: &Config) -> Self {
        let &Config { payload_max_bytes, topic_max_bytes, topic_tokens_max, .. } = config;
        Self { payload_max_bytes, topic_max_bytes, topic_tokens_max }
    }

    /// Checks what was published elsewhere.
    ///
    /// # Errors
    /// [`TooLarge`]
    pub(super) fn check(&self, publication: &Publication) -> Result<(), TooLarge> {
        let Publication { topic, content, .. } = publication;
        if content.len_bytes() > self.payload_max_bytes {
            return Err(TooLarge("payload_max_bytes"));
        }
        if topic.len() > self.topic_max_bytes {
            return Err(TooLarge("topic_max_bytes"));
        }
        if subject::token_count(topic) > self.topic_tokens_max {
            return Err(TooLarge("topic_tokens_max"));
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::of(&Config::default())
    }
}
