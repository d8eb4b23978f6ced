//! What `cargo xtask bench` is told.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};

pub(crate) const HELP: &str = "\
  bench             measures wshost beside native servers, and prints a table:
    --turns N       how often each is measured (5)
    --seconds S     how long each time (3); scenarios in which little happens in a
                    second take 5 or 10 at least
    --only WORDS    only scenarios whose names have these words in them
    --json FILE     writes every figure to this file";

/// See [`HELP`].
#[derive(Debug, PartialEq)]
pub(super) struct Options {
    pub(super) turns: usize,
    pub(super) seconds: Duration,
    pub(super) only: String,
    pub(super) json: Option<PathBuf>,
}

impl Options {
    pub(super) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let seconds = Duration::from_secs(3);
        let mut options = Self { turns: 5, seconds, only: String::new(), json: None };
        while let Some(name) = arguments.next() {
            let value = arguments.next().with_context(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--turns" => options.turns = value.parse().context("--turns")?,
                "--seconds" => {
                    let seconds = value.parse().context("--seconds")?;
                    options.seconds = Duration::try_from_secs_f64(seconds).context("--seconds")?;
                }
                "--only" => options.only = value,
                "--json" => options.json = Some(value.into()),
                _ => bail!("bench has no option `{name}`; it has:\n{HELP}"),
            }
        }
        ensure!(options.turns > 0, "--turns must be 1 at least");
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str) -> Result<Options> {
        Options::read(arguments.split_whitespace().map(String::from))
    }

    #[test]
    fn options_are_read() {
        let options = read("--turns 2 --seconds 0.5 --json out").unwrap();
        assert_eq!((options.turns, options.seconds), (2, Duration::from_millis(500)));
        assert_eq!(options.json, Some("out".into()));
        for wrong in ["--turns", "--turns x", "--turns 0", "--seconds -1", "--speed 9"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
