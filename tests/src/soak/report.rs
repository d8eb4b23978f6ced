//! What a soak comes to.

use std::{fmt, time::Duration};

use super::{Soak, tally::Tally};
use crate::{Log, Usage};

/// By how much the host may have grown, in percent: from the second quarter of the
/// time to the last, by the median of its own memory.
const GROWTH_MAX_PERCENT: f64 = 10.0;
const MIB: f64 = 1024.0 * 1024.0;

/// What the host took at a time.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// From the beginning.
    pub at: Duration,
    /// Of the machine.
    pub usage: Usage,
}

/// See the module. As text it is a table in Markdown.
#[derive(Debug)]
pub struct Report {
    soak: Soak,
    checked: u64,
    sessions: u64,
    sleeps: u64,
    faults: Vec<(&'static str, u64)>,
    losses: (u64, Vec<String>),
    panics: Vec<String>,
    second_quarter: Middle,
    last_quarter: Middle,
}

/// Medians of a time.
#[derive(Clone, Copy, Debug)]
struct Middle {
    anonymous_bytes: u64,
    descriptors: usize,
    threads: usize,
}

impl Middle {
    fn of(samples: &[Sample]) -> Self {
        Self {
            anonymous_bytes: median(samples, |usage| usage.anonymous_bytes),
            descriptors: median(samples, |usage| usage.descriptors),
            threads: median(samples, |usage| usage.threads),
        }
    }
}

fn median<T: Ord + Copy + Default>(samples: &[Sample], of: impl Fn(&Usage) -> T) -> T {
    let mut values: Vec<T> = samples.iter().map(|sample| of(&sample.usage)).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "to be read by people")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

/// How things stand, in a line.
pub(super) fn line(sample: &Sample, tally: &Tally) -> String {
    let Usage { anonymous_bytes, descriptors, threads } = sample.usage;
    let faults: Vec<String> =
        tally.faults().iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    format!(
        "{:>5} s: {} messages checked in {} sessions, {} lost; {:.1} MiB, {descriptors} descriptors, \
         {threads} threads; faults: {}",
        sample.at.as_secs(),
        tally.messages_checked(),
        tally.sessions(),
        tally.losses().0,
        mib(anonymous_bytes),
        faults.join(", ")
    )
}

impl Report {
    pub(super) fn new(
        soak: Soak,
        tally: &Tally,
        samples: &[Sample],
        sleeps: u64,
        log: &Log,
    ) -> Self {
        let quarter = samples.len() / 4;
        Self {
            soak,
            checked: tally.messages_checked(),
            sessions: tally.sessions(),
            sleeps,
            faults: tally.faults().into_iter().collect(),
            losses: tally.losses(),
            panics: log.lines_with(&["panicked at"]),
            second_quarter: Middle::of(&samples[quarter..2 * quarter]),
            last_quarter: Middle::of(&samples[3 * quarter..]),
        }
    }

    /// What was lost, and where the host panicked: nothing, if all is well.
    pub fn losses(&self) -> Vec<String> {
        let (count, described) = &self.losses;
        let more = count.saturating_sub(described.len() as u64);
        let more = (more > 0).then(|| format!("and {more} more"));
        described.iter().chain(&self.panics).cloned().chain(more).collect()
    }

    /// Whether the host has grown.
    pub fn has_grown(&self) -> bool {
        self.growth_percent() > GROWTH_MAX_PERCENT
    }

    fn growth_percent(&self) -> f64 {
        let (before, after) =
            (self.second_quarter.anonymous_bytes, self.last_quarter.anonymous_bytes);
        (mib(after) / mib(before) - 1.0) * 100.0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { soak, checked, sessions, sleeps, faults, second_quarter, last_quarter, .. } =
            self;
        let minutes = soak.time.as_secs_f64() / 60.0;
        writeln!(f, "| | |\n|---|---|")?;
        writeln!(f, "| Time | {minutes:.1} minutes, seed {} |", soak.seed)?;
        writeln!(
            f,
            "| Connections that behave well | {} at once, {sessions} in all |",
            soak.connections
        )?;
        writeln!(f, "| Messages checked | {checked} |")?;
        writeln!(f, "| Handlers put to sleep | {sleeps} times |")?;
        writeln!(f, "| Lost, late or wrong | {} |", self.losses.0)?;
        writeln!(f, "| Panics of the host | {} |", self.panics.len())?;
        writeln!(
            f,
            "| Memory of its own, median of the second and the last quarter | {:.1} MiB, {:.1} MiB ({:+.1} %) |",
            mib(second_quarter.anonymous_bytes),
            mib(last_quarter.anonymous_bytes),
            self.growth_percent()
        )?;
        writeln!(
            f,
            "| Descriptors | {}, {} |",
            second_quarter.descriptors, last_quarter.descriptors
        )?;
        writeln!(f, "| Threads | {}, {} |", second_quarter.threads, last_quarter.threads)?;
        writeln!(f, "\n| Fault | Times |\n|---|---|")?;
        faults.iter().try_for_each(|(kind, count)| writeln!(f, "| {kind} | {count} |"))
    }
}
