//! `cargo xtask bench`: wshost beside servers that run their handlers natively.

mod options;
mod scenarios;
mod table;

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

pub(crate) use self::options::HELP;
use self::{
    options::Options,
    scenarios::{SCENARIOS, Scenario},
    table::Row,
};
use crate::{
    build::{self, cargo, run},
    server::Kind,
};

/// One scenario's figures, one a turn.
type Figures = BTreeMap<Kind, Vec<f64>>;

/// Runs all scenarios, and prints what came of them.
pub(crate) fn bench(arguments: impl Iterator<Item = String>) -> Result<()> {
    let options = Options::read(arguments)?;
    let scenarios: Vec<&Scenario> =
        SCENARIOS.iter().filter(|scenario| scenario.name.contains(&options.only)).collect();
    ensure!(!scenarios.is_empty(), "no scenario's name has `{}` in it", options.only);
    build::guests()?;
    let programs = build::released_host()?;
    let profile = ["--profile", "production"];
    run(cargo(&["build", "--package", "wshost-tests", "--examples"]).args(profile))?;
    let mut figures: Vec<Figures> = scenarios.iter().map(|_| Figures::new()).collect();
    for turn in 1..=options.turns {
        for (scenario, figures) in scenarios.iter().zip(&mut figures) {
            eprintln!("xtask: turn {turn} of {}: {}", options.turns, scenario.name);
            for kind in scenario.servers {
                let figure = measure(scenario, *kind, &programs, options.seconds)
                    .with_context(|| format!("{}: {}", kind.name(), scenario.name))?;
                figures.entry(*kind).or_default().push(figure);
            }
        }
    }
    let rows: Vec<Row> = scenarios.iter().zip(&figures).map(|(of, all)| row(of, all)).collect();
    println!("{}", table::machine());
    println!("{} turns of {} s each.\n", options.turns, options.seconds.as_secs_f64());
    println!("{}", table::markdown(&rows));
    if let Some(file) = &options.json {
        fs::write(file, json(&scenarios, &figures, &rows).to_string())
            .with_context(|| format!("can't write {}", file.display()))?;
    }
    Ok(())
}

/// One server, one scenario, one turn.
fn measure(scenario: &Scenario, kind: Kind, programs: &Path, asked: Duration) -> Result<f64> {
    let server = kind.start(programs)?;
    let report = server.load(scenario.arguments, scenario.time.of(asked))?;
    report[scenario.measure]
        .as_f64()
        .with_context(|| format!("the report has no {}: {report}", scenario.measure))
}

fn row(scenario: &Scenario, figures: &Figures) -> Row {
    let medians = figures.iter().map(|(kind, figures)| (*kind, median(figures))).collect();
    let turns = figures[&scenario.measured].iter().zip(&figures[&scenario.rival]);
    let ratios = turns.map(|(measured, rival)| measured / rival);
    Row {
        scenario: scenario.name,
        unit: scenario.unit,
        medians,
        measured: scenario.measured,
        rival: scenario.rival,
        goal: scenario.goal,
        turns: ratios
            .fold((f64::INFINITY, 0.0), |(low, high), ratio| (low.min(ratio), high.max(ratio))),
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    }
}

fn json(scenarios: &[&Scenario], figures: &[Figures], rows: &[Row]) -> Value {
    let scenarios = scenarios.iter().zip(figures).zip(rows).map(|((scenario, figures), row)| {
        let figures: BTreeMap<_, _> =
            figures.iter().map(|(kind, figures)| (kind.name(), figures)).collect();
        json!({
            "scenario": scenario.name,
            "measure": scenario.measure,
            "figures": figures,
            "rival": scenario.rival.name(),
            "ratio": row.ratio(),
            "goal": scenario.goal,
        })
    });
    json!({ "machine": table::machine(), "scenarios": scenarios.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
