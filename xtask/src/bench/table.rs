//! The figures, and the machine that they are of, as Markdown.

use std::{collections::BTreeMap, fs, thread};

use crate::server::Kind;

/// One scenario.
pub(super) struct Row {
    pub(super) scenario: &'static str,
    pub(super) unit: &'static str,
    pub(super) medians: BTreeMap<Kind, f64>,
    pub(super) measured: Kind,
    pub(super) rival: Kind,
    pub(super) goal: Option<f64>,
    /// The lowest and the highest ratio of a single turn.
    pub(super) turns: (f64, f64),
}

impl Row {
    /// What is reached of the rival's figure.
    pub(super) fn ratio(&self) -> f64 {
        let of = |kind| self.medians.get(&kind).copied().unwrap_or(f64::NAN);
        of(self.measured) / of(self.rival)
    }

    fn markdown(&self, kinds: &[Kind]) -> String {
        let medians: Vec<String> = kinds
            .iter()
            .map(|kind| self.medians.get(kind).map_or_else(String::new, |figure| group(*figure)))
            .collect();
        format!(
            "| {} | {} | {} | {:.2} of {} | {:.2} to {:.2} | {} |",
            self.scenario,
            self.unit,
            medians.join(" | "),
            self.ratio(),
            self.rival.name(),
            self.turns.0,
            self.turns.1,
            self.goal.map_or_else(String::new, |goal| format!("{goal:.2}"))
        )
    }
}

/// All of them, medians per second of the server's processor time.
pub(super) fn markdown(rows: &[Row]) -> String {
    let has = |kind: &Kind| rows.iter().any(|row| row.medians.contains_key(kind));
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(has).collect();
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    let names = names.join(" | ");
    let head = format!("| | per server CPU-second | {names} | ratio | single turns | goal |");
    let rule = format!("|---|---|{}---|---|---|", "---:|".repeat(kinds.len()));
    let rows = rows.iter().map(|row| row.markdown(&kinds));
    [head, rule].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// Processor, cores, kernel, and how busy it is.
pub(super) fn machine() -> String {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model =
        cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let load = read("/proc/loadavg");
    let load: Vec<&str> = load.split_whitespace().take(3).collect();
    format!(
        "{}, {} processors, Linux {}, load {}.",
        model.unwrap_or("an unknown processor"),
        thread::available_parallelism().map_or(1, usize::from),
        read("/proc/sys/kernel/osrelease").trim(),
        load.join(" ")
    )
}

/// Puts commas between the thousands.
fn group(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_the_ratio() {
        let medians = BTreeMap::from([(Kind::Wshost, 95_000.0), (Kind::Batched, 100_000.4)]);
        let row = Row {
            scenario: "echo",
            unit: "messages",
            medians,
            measured: Kind::Wshost,
            rival: Kind::Batched,
            goal: Some(0.85),
            turns: (0.9, 1.0),
        };
        assert_eq!(
            row.markdown(&[Kind::Batched, Kind::Plain, Kind::Wshost]),
            "| echo | messages | 100,000 |  | 95,000 | 0.95 of batched | 0.90 to 1.00 | 0.85 |"
        );
    }
}
