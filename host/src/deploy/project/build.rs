//! Cargo, which builds a handler.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// What handlers are compiled for.
const TARGET: &str = "wasm32-wasip2";

/// Fails if Rust can't compile for components here, with what to do about it.
pub(super) fn require_target(project: &Path) -> Result<()> {
    let printed = std::process::Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(project)
        .output()
        .context("can't run rustc: Rust is needed to build a handler, 1.95 or later")?;
    let library = String::from_utf8_lossy(&printed.stdout);
    if !printed.status.success() || !Path::new(library.trim_end()).is_dir() {
        bail!(
            "Rust has no standard library for {TARGET} here: `rustup target add {TARGET}` gets it"
        );
    }
    Ok(())
}

/// Builds the project, and returns the component. What cargo says of it goes where
/// this program's own errors go.
pub(super) async fn build(project: &Path) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo")
        .args(["build", "--release", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(project)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .map(Cargo)
        .context("can't run cargo: Rust is needed to build a handler")?;
    let messages = cargo.0.stdout.take().map(|stdout| BufReader::new(stdout).lines());
    let component = match messages {
        Some(messages) => component(messages, &project.join("Cargo.toml")).await?,
        None => None,
    };
    if !cargo.0.wait().await.context("can't wait for cargo")?.success() {
        bail!("cargo can't build it");
    }
    component.with_context(|| {
        format!(
            "{} makes no component: it needs `crate-type = [\"cdylib\"]` in [lib]",
            project.join("Cargo.toml").display()
        )
    })
}

/// Cargo and the compilers that it starts: they end with it, and it when this is
/// dropped.
struct Cargo(Child);

impl Drop for Cargo {
    fn drop(&mut self) {
        // It has no id once it has ended and was waited for.
        if let Some(pid) = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // Fails if all have ended just now.
            let _ = kill_process_group(pid, Signal::TERM);
        }
    }
}

/// Something that cargo made: of its messages the only ones of this form.
#[derive(Deserialize)]
struct Artifact {
    manifest_path: PathBuf,
    target: Target,
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

/// The component that cargo says it has made of the crate of this manifest.
async fn component(
    mut messages: Lines<BufReader<ChildStdout>>,
    manifest: &Path,
) -> Result<Option<PathBuf>> {
    let mut component = None;
    while let Some(message) = messages.next_line().await.context("can't read what cargo says")? {
        let Ok(artifact) = serde_json::from_str::<Artifact>(&message) else { continue };
        if artifact.manifest_path == manifest
            && artifact.target.crate_types.iter().any(|kind| kind == "cdylib")
        {
            let is_component = |file: &PathBuf| file.extension().is_some_and(|end| end == "wasm");
            component = artifact.filenames.into_iter().find(is_component).or(component);
        }
    }
    Ok(component)
}
