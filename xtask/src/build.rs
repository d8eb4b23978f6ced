//! Builds the host and the guests.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// The example handlers, by the folders they stand in.
const GUESTS: [&str; 7] =
    ["chat", "counter", "echo", "granted", "scripted", "subprotocol", "ticker"];

/// Runs a command to its end, its output shown.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("xtask: {}", describe(command));
    let status = command.status().with_context(|| format!("can't run {}", describe(command)))?;
    if !status.success() {
        bail!("{} failed: {status}", describe(command));
    }
    Ok(())
}

fn describe(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Cargo with these arguments, in an environment as if it was started by hand.
///
/// The cargo that runs this program tells it about its own package. ring's build script
/// depends on these variables: were they passed on, ring and all that needs it would be
/// compiled again in each checkout, and whenever cargo is also started by hand.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).stdin(Stdio::null());
    for (name, _) in env::vars_os() {
        let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        if name.to_str().is_some_and(|name| of_package.iter().any(|of| name.starts_with(of))) {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from)
}

/// Builds the guests, and before that gets their target if it is not there.
pub(crate) fn guests() -> Result<()> {
    run(Command::new("bash").arg("xtask/wasm32-wasip2.sh"))?;
    let mut cargo = cargo(&["build", "--release", "--target", "wasm32-wasip2"]);
    for guest in GUESTS {
        cargo.args(["--package", guest]);
    }
    run(&mut cargo)
}

/// Builds the host.
pub(crate) fn host() -> Result<()> {
    run(&mut cargo(&["build", "--release", "--package", "wshost"]))
}

/// Builds the host as it is released. Returns the folder that it is in.
pub(crate) fn released_host() -> Result<PathBuf> {
    run(&mut cargo(&["build", "--profile", "production", "--package", "wshost"]))?;
    Ok(target().join("production"))
}

/// Serves the chat example until it is interrupted.
pub(crate) fn chat(arguments: impl Iterator<Item = String>) -> Result<()> {
    guests()?;
    host()?;
    let target = target();
    let wshost = target.join("release/wshost");
    eprintln!(
        "xtask: once it listens, open its address with http:// in a browser (two windows make a chat),"
    );
    eprintln!("xtask: or type: {} connect 'ws://127.0.0.1:8080/lobby?name=ann'", wshost.display());
    let mut host = Command::new(wshost);
    host.arg("run").arg(target.join("wasm32-wasip2/release/chat.wasm")).args(arguments);
    run(&mut host)
}

/// Writes the reference of the settings.
pub(crate) fn docs() -> Result<()> {
    run(cargo(&["test", "--release", "--package", "wshost", "the_reference_says"])
        .env("WSHOST_WRITE_DOCS", "1"))
}
