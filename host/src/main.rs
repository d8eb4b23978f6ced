//! `wshost`, the program: see the `cli` module.

use std::process::ExitCode;

fn main() -> ExitCode {
    wshost::cli::main()
}
