//! The suite's result as a table.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::{Context as _, Result};
use serde::Deserialize;

const BEGIN: &str = "<!-- written by `cargo xtask autobahn --full` -->\n";
const END: &str = "<!-- end -->";

/// What the columns count: as the suite's index names it.
const BEHAVIORS: [&str; 5] = ["OK", "INFORMATIONAL", "NON-STRICT", "UNIMPLEMENTED", "FAILED"];

/// What a section of the suite is about.
fn title(section: u32) -> &'static str {
    match section {
        1 => "framing",
        2 => "pings and pongs",
        3 => "reserved bits",
        4 => "opcodes",
        5 => "fragmentation",
        6 => "UTF-8",
        7 => "closing",
        9 => "limits and performance",
        10 => "auto-fragmentation",
        12 => "compression, by payload",
        13 => "compression, by parameters",
        _ => "",
    }
}

/// One case, in the suite's `index.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    behavior: String,
    behavior_close: String,
}

/// The cases of a section.
#[derive(Default)]
struct Counts {
    all: usize,
    by_behavior: [usize; BEHAVIORS.len()],
    /// Those whose closing was as it should be, or is for information.
    closed_well: usize,
}

impl Counts {
    fn add(&mut self, case: &Case) {
        self.all += 1;
        for (count, behavior) in self.by_behavior.iter_mut().zip(BEHAVIORS) {
            *count += usize::from(case.behavior == behavior);
        }
        let closed_well = matches!(case.behavior_close.as_str(), "OK" | "INFORMATIONAL");
        self.closed_well += usize::from(closed_well);
    }

    fn row(&self, section: &str) -> String {
        let mut row = format!("| {section} | {}", self.all);
        for count in self.by_behavior.into_iter().chain([self.closed_well]) {
            // To a string nothing fails to be written.
            let _ = write!(row, " | {count}");
        }
        row + " |\n"
    }
}

/// The table of an `index.json`, which is of one server.
pub(super) fn of(index: &[u8]) -> Result<String> {
    let servers: BTreeMap<String, BTreeMap<String, Case>> =
        serde_json::from_slice(index).context("the suite's index.json")?;
    let mut sections = BTreeMap::<u32, Counts>::new();
    let mut all = Counts::default();
    for (name, case) in servers.values().flatten() {
        let section = name.split('.').next().unwrap_or_default();
        let section = section.parse().with_context(|| format!("case {name}"))?;
        sections.entry(section).or_default().add(case);
        all.add(case);
    }
    let head = "| Section | Cases | OK | Informational | Non-strict | Unimplemented | Failed | Closed well |\n|---|---:|---:|---:|---:|---:|---:|---:|\n";
    let rows = sections
        .iter()
        .map(|(section, counts)| counts.row(format!("{section}.* {}", title(*section)).trim_end()));
    Ok(rows.fold(head.to_owned(), |table, row| table + &row) + &all.row("all"))
}

/// The document with this table in place of the one it has.
pub(super) fn put_into(document: &str, table: &str) -> Result<String> {
    let place = || {
        let (before, rest) = document.split_once(BEGIN)?;
        Some((before, rest.split_once(END)?.1))
    };
    let (before, after) = place().with_context(|| format!("it has no place `{BEGIN}`"))?;
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_counted_by_section() {
        let index = br#"{"wshost": {
            "10.1.1": {"behavior": "OK", "behaviorClose": "OK"},
            "7.1.1": {"behavior": "OK", "behaviorClose": "FAILED"},
            "7.13.1": {"behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL"}
        }}"#;
        let table = of(index).unwrap();
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| 7.* closing | 2 | 1 | 1 | 0 | 0 | 0 | 1 |",
                "| 10.* auto-fragmentation | 1 | 1 | 0 | 0 | 0 | 0 | 1 |",
                "| all | 3 | 2 | 1 | 0 | 0 | 0 | 2 |",
            ]
        );
    }

    #[test]
    fn a_table_takes_the_place_of_another() {
        let document = |table| format!("a\n{BEGIN}\n{table}\n{END}\nb\n");
        assert_eq!(put_into(&document("old"), "new").unwrap(), document("new"));
        assert!(put_into("no place", "new").is_err());
    }
}
