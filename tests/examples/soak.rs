//! Mixed load with faults injected, for as long as it is told: see
//! `wshost_tests::soak`. Each minute gives a line, the end a table. The exit status
//! is 1 where something was lost, or the host has grown.
//!
//! ```text
//! cargo run --release -p wshost-tests --example soak -- --minutes 60
//! ```

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use wshost_tests::soak::Soak;

/// Runs mixed load with faults injected.
#[derive(Parser)]
struct Options {
    /// For how long
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    /// How many connections behave well
    #[arg(long, default_value_t = 2_000)]
    connections: usize,
    /// What all chance comes from: the same again
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Options { minutes, connections, seed } = Options::parse();
    println!("seed {seed}");
    let time = Duration::from_secs(minutes * 60);
    let soak = Soak { time, connections, seed, line: Duration::from_secs(60) };
    let report = soak.run().await;
    println!("\n{report}");
    for loss in report.losses() {
        println!("lost: {loss}");
    }
    if report.has_grown() {
        println!("the host has grown");
    }
    ExitCode::from(u8::from(report.has_grown() || !report.losses().is_empty()))
}
