//! What people and CI run on this project: `cargo xtask COMMAND`.

mod autobahn;
mod bench;
mod build;
mod checks;
mod count;
mod debian;
mod deny;
mod dist;
mod fuzz;
mod python;
mod server;
mod steps;
mod tool;

use std::{env, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};

const HELP: &str = "\
cargo xtask COMMAND

  chat [ARGUMENTS]  builds all that is needed and serves the chat example;
                    the arguments are those of `wshost run`
  guests            builds the example handlers to target/wasm32-wasip2/release
  test              builds all that is needed and runs every check and test
  docs              writes docs/configuration.md anew from the settings";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = env::args().skip(1);
    env::set_current_dir(project()).context("can't enter the project's folder")?;
    match arguments.next().as_deref() {
        Some("chat") => build::chat(arguments),
        Some("guests") => build::guests(),
        Some("test") => checks::all(),
        Some("docs") => build::docs(),
        Some("bench") => bench::bench(arguments),
        Some("count") => count::count(),
        Some("deny") => deny::check(),
        Some("dist") => dist::dist(),
        Some("fuzz") => fuzz::command(arguments),
        Some("autobahn") => autobahn::command(arguments),
        Some("help" | "--help" | "-h") | None => {
            println!("{}", help());
            Ok(())
        }
        Some(other) => bail!("no command is named `{other}`\n\n{}", help()),
    }
}

/// The project's folder: that of the checkout which cargo runs this for. Several
/// may share a target directory, and so this program.
fn project() -> PathBuf {
    let own = env::var_os("CARGO_MANIFEST_DIR");
    own.map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from).join("..")
}

fn help() -> String {
    [HELP, autobahn::HELP, bench::HELP, count::HELP, deny::HELP, dist::HELP, fuzz::HELP].join("\n")
}
