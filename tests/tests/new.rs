//! `wshost new`: what it makes is built, tested and served as its README says.

#![allow(clippy::unwrap_used)] // Its helpers are tests too.

use std::fs;

use tempfile::TempDir;
use wshost_tests::{Host, Mode, Project, exchange, run_to_end};

#[tokio::test]
async fn a_new_project_is_built_tested_and_served() {
    let project = Project::new("new-handler").await;
    project.cargo(&["fmt", "--check"]);
    let tested = project.cargo(&["test"]);
    let tested = String::from_utf8_lossy(&tested.stdout).into_owned();
    assert!(tested.contains("it_greets_and_counts ... ok"), "{tested}");
    let built = project.cargo(&["build", "--release", "--target", "wasm32-wasip2"]);
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    assert!(!said.contains("warning"), "{said}");

    let host = Host::of_file(&project.component("new_handler")).start().await;
    let mut ann = Mode::HTTP1.ask(&host).target("/?name=Ann").open().await;
    assert_eq!(ann.text().await, "Hello, Ann! Say something.");
    assert_eq!(ann.ask("hi").await, "1: hi");
    assert_eq!(ann.ask("ho").await, "2: ho");
    let page =
        exchange(host.address(), "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    assert!(page.await.contains("new WebSocket("));
}

#[tokio::test]
async fn nothing_is_written_over() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("mine");
    fs::write(&file, "mine").unwrap();
    for path in [folder.path(), &file] {
        let refused = run_to_end(&["new", "a", "--path", path.to_str().unwrap()]).await;
        assert!(refused.only_line().contains(path.to_str().unwrap()), "{refused:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(file).unwrap(), "mine");
}

#[tokio::test]
async fn a_name_that_no_crate_can_have_is_refused() {
    let refused = run_to_end(&["new", "my chat"]).await;
    assert!(refused.only_line().contains("how about `my-chat`?"), "{refused:?}");
}
