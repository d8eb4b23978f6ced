//! `cargo xtask count`: the cost of an event, counted and not timed.
//!
//! Time is noisy, and the same on no two machines. Valgrind counts instructions exactly,
//! and simulates caches and branch prediction: a change of one per cent shows. It sees
//! user code, that of the guests too, and not the kernel.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::{
    build::{self, cargo, run, target},
    debian,
};

pub(crate) const HELP: &str = "\
  count             counts the instructions, cache misses and mispredicted branches
                    that an event takes, by valgrind";

/// The scenarios of `tests/examples/counts.rs`.
const SCENARIOS: [&str; 3] = ["awake", "asleep", "delivery"];

/// The numbers of events of the two runs that are compared.
const FEW: u64 = 1_000;
const MANY: u64 = 4_000;

/// The columns of the table, each with the valgrind events that it sums.
const COLUMNS: [(&str, &[&str]); 5] = [
    ("instructions", &["Ir"]),
    ("L1i misses", &["I1mr"]),
    ("L1d misses", &["D1mr", "D1mw"]),
    ("last-level misses", &["ILmr", "DLmr", "DLmw"]),
    ("mispredicted", &["Bcm", "Bim"]),
];

pub(crate) fn count() -> Result<()> {
    build::guests()?;
    run(&mut cargo(&["build", "--release", "--package", "wshost-tests", "--example", "counts"]))?;
    let program = target().join("release/examples/counts");
    let heads = COLUMNS.map(|(head, _)| format!("{head:>18}")).concat();
    println!("{:10}{heads}", "per event");
    for scenario in SCENARIOS {
        // Compiles the guest before counting. Code compiled natively would be for another
        // processor than the one that valgrind shows.
        run(debian::valgrind()?
            .args(["--tool=none", "--quiet"])
            .arg(&program)
            .args([scenario, "0"]))?;
        let [few, many] = [FEW, MANY].map(|events| counts(&program, scenario, events));
        let (few, many) = (few?, many?);
        let each = |(few, many): (u64, u64)| (many as f64 - few as f64) / (MANY - FEW) as f64;
        let columns: String =
            few.into_iter().zip(many).map(|pair| format!("{:>18.1}", each(pair))).collect();
        println!("{scenario:10}{columns}");
    }
    Ok(())
}

/// Returns the columns' totals of a run.
fn counts(program: &Path, scenario: &str, events: u64) -> Result<Vec<u64>> {
    let out = target().join(format!("counts-{scenario}"));
    let mut valgrind = debian::valgrind()?;
    valgrind.args(["--tool=cachegrind", "--cache-sim=yes", "--branch-sim=yes", "--quiet"]);
    valgrind.arg(format!("--cachegrind-out-file={}", out.display()));
    run(valgrind.arg(program).args([scenario, &events.to_string()]))?;
    let text = fs::read_to_string(&out).with_context(|| out.display().to_string())?;
    totals(&text).with_context(|| format!("{}: it has no totals", out.display()))
}

/// Reads the columns' totals from cachegrind's output file.
fn totals(text: &str) -> Option<Vec<u64>> {
    let line = |head: &str| text.lines().find_map(|line| line.strip_prefix(head));
    let names: Vec<_> = line("events:")?.split_whitespace().collect();
    let values: Vec<u64> = line("summary:")?.split_whitespace().flat_map(str::parse).collect();
    let value = |name: &&str| values.get(names.iter().position(|of| of == name)?).copied();
    COLUMNS.iter().map(|(_, names)| names.iter().map(value).sum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_sums_of_what_valgrind_names() {
        let text = "events: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw Bc Bcm Bi Bim\n\
            fn=main\n1 1 1 1 1 1 1 1 1 1 1 1 1\n\
            summary: 100 2 3 40 5 6 70 8 9 10 11 12 13\n";
        assert_eq!(totals(text), Some(vec![100, 2, 13, 18, 24]));
        assert_eq!(totals("events: Ir\nsummary: 100\n"), None);
    }
}
