//! The types of settings, and how they are read.

use std::{fmt, str::FromStr};

/// A time in milliseconds, or `infinity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Millis {
    /// At least 1.
    After(u64),
    /// Never.
    Infinity,
}

impl Millis {
    /// The time, if there is an end to it.
    #[must_use]
    pub fn duration(self) -> Option<std::time::Duration> {
        match self {
            Self::After(ms) => Some(std::time::Duration::from_millis(ms)),
            Self::Infinity => None,
        }
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(ms) => ms.fmt(f),
            Self::Infinity => f.write_str("infinity"),
        }
    }
}

/// A number of things, or `infinity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// At least 1.
    Of(u64),
    /// As many as there are.
    Infinity,
}

impl Limit {
    /// The number, if there is one.
    #[must_use]
    pub fn value(self) -> Option<u64> {
        match self {
            Self::Of(max) => Some(max),
            Self::Infinity => None,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(max) => max.fmt(f),
            Self::Infinity => f.write_str("infinity"),
        }
    }
}

/// What happens to a peer that sends more than the settings allow in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum RatePolicy {
    /// Nothing is read from it meanwhile.
    Wait,
    /// It is closed with 1008.
    Close,
}

impl fmt::Display for RatePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wait => "wait",
            Self::Close => "close",
        })
    }
}

/// What happens to a peer that reads too slowly for what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum SlowReader {
    /// It is closed with 1013.
    Close,
    /// It misses what is published while there is no room.
    Drop,
}

impl fmt::Display for SlowReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Close => "close",
            Self::Drop => "drop",
        })
    }
}

/// What becomes of the connections of a plugin that is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum OnDeploy {
    /// They go on with the version they have.
    Keep,
    /// They are closed with 1012, over a time.
    Drain,
    /// They move to the new version, with their state.
    Migrate,
}

impl fmt::Display for OnDeploy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keep => "keep",
            Self::Drain => "drain",
            Self::Migrate => "migrate",
        })
    }
}

/// How one type of value is read and described.
pub(super) trait Value: Sized + Copy + PartialOrd + fmt::Display {
    fn read(text: &str) -> Option<Self>;
    fn expected(min: Self, max: Self) -> String;
}

macro_rules! whole_number {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn read(text: &str) -> Option<Self> {
                Self::from_str(&text.replace('_', "")).ok()
            }
            fn expected(min: Self, max: Self) -> String {
                format!("a whole number from {min} to {max}")
            }
        }
    )*};
}
whole_number!(u8, u32, u64, usize);

impl Value for Millis {
    fn read(text: &str) -> Option<Self> {
        match text {
            "infinity" => Some(Self::Infinity),
            text => u64::read(text).map(Self::After),
        }
    }

    fn expected(min: Self, max: Self) -> String {
        match max {
            Self::Infinity => format!("milliseconds, at least {min}, or `infinity`"),
            max @ Self::After(_) => format!("milliseconds from {min} to {max}"),
        }
    }
}

impl Value for Limit {
    fn read(text: &str) -> Option<Self> {
        match text {
            "infinity" => Some(Self::Infinity),
            text => u64::read(text).map(Self::Of),
        }
    }

    fn expected(min: Self, _: Self) -> String {
        format!("a whole number, at least {min}, or `infinity`")
    }
}

impl Value for RatePolicy {
    fn read(text: &str) -> Option<Self> {
        [Self::Wait, Self::Close].into_iter().find(|known| known.to_string() == text)
    }

    fn expected(min: Self, max: Self) -> String {
        format!("`{min}` or `{max}`")
    }
}

impl Value for OnDeploy {
    fn read(text: &str) -> Option<Self> {
        let all = [Self::Keep, Self::Drain, Self::Migrate];
        all.into_iter().find(|known| known.to_string() == text)
    }

    fn expected(_: Self, _: Self) -> String {
        "`keep`, `drain` or `migrate`".into()
    }
}

impl Value for SlowReader {
    fn read(text: &str) -> Option<Self> {
        [Self::Close, Self::Drop].into_iter().find(|known| known.to_string() == text)
    }

    fn expected(min: Self, max: Self) -> String {
        format!("`{min}` or `{max}`")
    }
}
