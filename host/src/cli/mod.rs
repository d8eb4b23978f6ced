//! The command line: one file a command.

mod bench;
mod check;
mod compile;
mod config;
mod connect;
mod dev;
mod files;
mod gauges;
mod generate;
mod host;
mod listen;
mod new;
mod options;
mod plugin;
mod process;
mod reload;
mod report;
mod run;
mod serve;
mod signals;
mod systemd;
mod tls;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// A WebSocket server whose handlers are WebAssembly components.
#[derive(Parser)]
#[command(name = "wshost", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(new::New),
    Dev(dev::Dev),
    Run(run::Run),
    Serve(serve::Serve),
    Check(check::Check),
    Config(config::Config),
    Reload(reload::Reload),
    #[command(hide = true)]
    Compile(compile::Compile),
    #[command(hide = true)]
    Generate(generate::Generate),
    Connect(connect::Connect),
    Bench(bench::Bench),
}

/// Runs the command that the process's arguments name. A failure is one line on
/// standard error, and status 1.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::New(new) => new.run(),
        Command::Dev(dev) => dev.run(),
        Command::Run(run) => run.run(),
        Command::Serve(serve) => serve.run(),
        Command::Check(check) => check.run(),
        Command::Config(config) => config.run(),
        Command::Reload(reload) => reload.run(),
        Command::Compile(compile) => compile.run(),
        Command::Generate(generate) => generate.run(),
        Command::Connect(connect) => connect.run(),
        Command::Bench(bench) => bench.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be there to read it.
            let _ = writeln!(io::stderr(), "wshost: {error:#}");
            ExitCode::FAILURE
        }
    }
}
