//! `wshost dev`: a handler is served as its sources change.

#![allow(clippy::unwrap_used)] // Its helpers are tests too.

use std::{fs, net::TcpListener, path::Path, process::Command};

use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use wshost_tests::{Client, Host, Mode, Project, Signal, patiently, program, run_to_end};

async fn open(host: &Host) -> Client {
    Mode::HTTP1.ask(host).open().await
}

#[tokio::test]
async fn a_handler_is_served_as_it_changes() {
    let project = Project::new("dev-handler").await;
    // The first time, all its dependencies are built: for that nobody need be patient.
    project.cargo(&["build", "--release", "--target", "wasm32-wasip2"]);
    let mut host = Host::of_project(project.path()).start().await;
    let mut before = open(&host).await;
    assert_eq!(before.text().await, "Hello, stranger! Say something.");

    project.edit("Say something", "Say anything");
    before.closed_with(1012).await;
    let mut after = open(&host).await;
    assert_eq!(after.text().await, "Hello, stranger! Say anything.");

    project.edit("self.count += 1;", "self.count += ;");
    host.log().line_with(&["error: expected expression"]).await;
    host.log().line_with(&["ERROR", "not deployed", "the version before goes on"]).await;
    assert_eq!(after.ask("still there?").await, "1: still there?");

    project.edit("self.count += ;", "self.count += 2;");
    after.closed_with(1012).await;
    let mut repaired = open(&host).await;
    repaired.text().await;
    assert_eq!(repaired.ask("repaired").await, "2: repaired");

    // Settings are sources, and go before what is the default here.
    project.put("dev_handler.toml", "on_deploy = \"keep\"");
    host.log().lines_reach(4, &["deployed in"]).await;
    assert_eq!(repaired.ask("kept").await, "4: kept");

    cargo_ends_with_the_host(&project, &mut host).await;
}

/// Interrupts the host while cargo runs a script that does not end by itself.
async fn cargo_ends_with_the_host(project: &Project, host: &mut Host) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    project.put(
        "build.rs",
        &format!(
            "use std::{{io::Read, net::TcpStream}};
             fn main() {{ TcpStream::connect(\"{address}\").unwrap().read(&mut [0]).unwrap(); }}"
        ),
    );
    let (mut script, _) = patiently("the script", listener.accept()).await.unwrap();
    host.stop().await;
    let end = patiently("the script's end", script.read(&mut [0])).await;
    assert!(!matches!(end, Ok(1..)), "{end:?}");
}

#[tokio::test]
async fn what_is_built_first_and_fails_is_mended_while_the_host_runs() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    fs::create_dir(path.join("src")).unwrap();
    fs::write(path.join("src/lib.rs"), "").unwrap();
    let manifest = "[package]\nname = \"small\"\nedition = \"2024\"\n[workspace]\n[lib]\n";
    fs::write(path.join("Cargo.toml"), manifest).unwrap();
    let host = Host::of_project(path).start().await;
    host.log().line_with(&["ERROR", "makes no component", "crate-type"]).await;
    assert_eq!(Mode::HTTP1.ask(&host).refused().await.status, 404);
    fs::write(path.join("Cargo.toml"), format!("{manifest}crate-type = [\"cdylib\"]\n")).unwrap();
    // It is a component now, of another world.
    host.log().line_with(&["ERROR", "not deployed", "small.wasm"]).await;
    host.signal(Signal::INT);
}

#[tokio::test]
async fn a_directory_without_a_project_is_refused() {
    let folder = TempDir::new().unwrap();
    let refused = dev(folder.path()).await;
    assert!(refused.contains("wshost new NAME"), "{refused}");
}

async fn dev(path: &Path) -> String {
    run_to_end(&["dev", "--path", path.to_str().unwrap()]).await.only_line().to_owned()
}

#[test]
fn what_rust_needs_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    fs::write(path.join("Cargo.toml"), "").unwrap();
    let dev = || {
        let mut wshost = Command::new(program());
        let output = wshost.args(["dev", "--path"]).arg(path).env("PATH", path).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(dev().contains("can't run rustc"), "{}", dev());
    // One that has this target's library elsewhere.
    let rustc = path.join("rustc");
    fs::write(&rustc, "#!/bin/sh\necho /nowhere\n").unwrap();
    fs::set_permissions(&rustc, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert!(dev().contains("`rustup target add wasm32-wasip2`"), "{}", dev());
}
