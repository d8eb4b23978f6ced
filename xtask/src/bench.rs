//! `cargo xtask bench`: wshost beside servers that run their handlers natively.

mod options;
mod table;

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

pub(crate) use self::options::HELP;
use self::{options::Options, table::Row};
use crate::{
    build::{self, cargo, run},
    server::Kind,
};

/// What is measured.
struct Scenario {
    name: &'static str,
    /// Of `wshost bench`.
    arguments: &'static str,
    /// What of its report is compared.
    measure: &'static str,
    unit: &'static str,
    /// The servers that are measured.
    servers: &'static [Kind],
    /// That which is to reach so much of the rival's figure.
    measured: Kind,
    rival: Kind,
    /// None: it is measured to be known.
    goal: Option<f64>,
}

const NATIVE_AND_OURS: &[Kind] = &[Kind::Batched, Kind::Plain, Kind::Fastwebsockets, Kind::Wshost];

const FANOUT: &[Kind] = &[Kind::BroadcastBatched, Kind::BroadcastPlain, Kind::Topic];

const SCENARIOS: [Scenario; 10] = [
    Scenario {
        name: "echo, 64 B, 50 connections, 1 in flight",
        arguments: "echo --connections 50 --size 64 --in-flight 1",
        measure: "messages_per_server_cpu_second",
        unit: "messages",
        servers: NATIVE_AND_OURS,
        measured: Kind::Wshost,
        rival: Kind::Batched,
        goal: Some(0.85),
    },
    Scenario {
        name: "echo, 64 KiB, 20 connections, 1 in flight",
        arguments: "echo --connections 20 --size 65536 --in-flight 1",
        measure: "messages_per_server_cpu_second",
        unit: "messages",
        servers: NATIVE_AND_OURS,
        measured: Kind::Wshost,
        rival: Kind::Fastwebsockets,
        goal: Some(0.8),
    },
    Scenario {
        name: "echo, 64 B, 200 connections, 16 in flight",
        arguments: "echo --connections 200 --size 64 --in-flight 16",
        measure: "messages_per_server_cpu_second",
        unit: "messages",
        servers: NATIVE_AND_OURS,
        measured: Kind::Wshost,
        rival: Kind::Batched,
        goal: Some(0.5),
    },
    Scenario {
        name: "set-ups, 20 at once",
        arguments: "connect --connections-at-once 20",
        measure: "setups_per_server_cpu_second",
        unit: "set-ups",
        servers: NATIVE_AND_OURS,
        measured: Kind::Wshost,
        rival: Kind::Batched,
        goal: Some(0.6),
    },
    Scenario {
        name: "echo, 64 B, 50 connections, 1 in flight, hibernating",
        arguments: "echo --connections 50 --size 64 --in-flight 1",
        measure: "messages_per_server_cpu_second",
        unit: "messages",
        servers: &[Kind::Wshost, Kind::Hibernating],
        measured: Kind::Hibernating,
        rival: Kind::Wshost,
        goal: Some(0.95),
    },
    Scenario {
        name: "echo, 64 B, 50 connections, 1 in flight, hibernating at once",
        arguments: "echo --connections 50 --size 64 --in-flight 1",
        measure: "messages_per_server_cpu_second",
        unit: "messages",
        servers: &[Kind::Wshost, Kind::HibernatingAtOnce],
        measured: Kind::HibernatingAtOnce,
        rival: Kind::Wshost,
        goal: Some(0.25),
    },
    Scenario {
        name: "fan-out to 1,000, back to back",
        arguments: "fanout --receivers 1000 --join sub:news --publish pub-others:news:{}",
        measure: "deliveries_per_server_cpu_second",
        unit: "deliveries",
        servers: FANOUT,
        measured: Kind::Topic,
        rival: Kind::BroadcastBatched,
        goal: Some(0.9),
    },
    Scenario {
        name: "fan-out to 1,000, 16 in flight",
        arguments: "fanout --receivers 1000 --in-flight 16 --join sub:news --publish pub-others:news:{}",
        measure: "deliveries_per_server_cpu_second",
        unit: "deliveries",
        servers: FANOUT,
        measured: Kind::Topic,
        rival: Kind::BroadcastBatched,
        goal: None,
    },
    Scenario {
        name: "fan-out to 1,000, one every 10 ms",
        arguments: "fanout --receivers 1000 --every 10 --join sub:news --publish pub-others:news:{}",
        measure: "deliveries_per_server_cpu_second",
        unit: "deliveries",
        servers: FANOUT,
        measured: Kind::Topic,
        rival: Kind::BroadcastPlain,
        goal: Some(0.9),
    },
    Scenario {
        name: "fan-out to 1,000, each woken by info",
        arguments: "fanout --receivers 1000 --join sub:news --publish msg-others:news:{}",
        measure: "deliveries_per_server_cpu_second",
        unit: "deliveries",
        servers: FANOUT,
        measured: Kind::Topic,
        rival: Kind::BroadcastBatched,
        goal: None,
    },
];

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
fn measure(scenario: &Scenario, kind: Kind, programs: &Path, duration: Duration) -> Result<f64> {
    let server = kind.start(programs)?;
    let report = server.load(scenario.arguments, duration)?;
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
