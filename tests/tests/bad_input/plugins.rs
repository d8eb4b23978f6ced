//! Files that are no plugins.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use wshost_tests::{Finished, guest, run_to_end};

const HANDLER: &str = "wshost:handler/handler@0.1.0";
const FUNCTIONS: [&str; 7] = ["init", "opened", "frames", "info", "terminate", "save", "restore"];

/// Runs a plugin of this content.
async fn run(content: impl AsRef<[u8]>) -> Finished {
    let directory = tempfile::tempdir().expect("a temporary directory");
    run_at(&file(&directory, content)).await
}

fn file(directory: &TempDir, content: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.path().join("plugin.wasm");
    fs::write(&path, content).expect("the plugin can be written");
    path
}

/// `run` and `check` say the same of it.
async fn run_at(path: &Path) -> Finished {
    let path = path.to_str().expect("a path in UTF-8");
    let finished = run_to_end(&["run", path, "--listen", "127.0.0.1:0"]).await;
    let checked = run_to_end(&["check", path]).await;
    assert_eq!(checked.only_line(), finished.only_line());
    finished
}

/// It ends with status 1, and its one line names the file and each of these.
async fn says(content: impl AsRef<[u8]>, parts: &[&str]) {
    let finished = run(content).await;
    let line = finished.only_line();
    assert!(line.starts_with("can't load "), "{line}");
    for part in [&["plugin.wasm"], parts].concat() {
        assert!(line.contains(part), "`{part}` is missing in: {line}");
    }
}

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {text})")).expect("the component's text is valid")
}

/// A component that exports these functions as the handler under this name,
/// each of them of the type `func()`.
fn handler(name: &str, functions: &[&str], rest: &str) -> Vec<u8> {
    let exports: String =
        functions.iter().map(|name| format!("(export \"{name}\" (func $f))\n")).collect();
    component(&format!(
        "{rest}
         (core module $m (func (export \"f\")))
         (core instance $i (instantiate $m))
         (func $f (canon lift (core func $i \"f\")))
         (instance $handler {exports})
         (export \"{name}\" (instance $handler))"
    ))
}

#[tokio::test]
async fn a_file_that_is_missing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let finished = run_at(&directory.path().join("missing.wasm")).await;
    let line = finished.only_line();
    assert!(line.contains("missing.wasm: No such file"), "{line}");
}

#[tokio::test]
async fn a_directory() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let finished = run_at(directory.path()).await;
    assert!(finished.only_line().contains("directory"), "{finished:?}");
}

/// Reading them might never begin, or never end.
#[tokio::test]
async fn a_pipe_and_a_device() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pipe = directory.path().join("plugin.wasm");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0)
        .expect("a pipe can be made");
    for path in [&*pipe, Path::new("/dev/zero")] {
        let finished = run_at(path).await;
        assert!(finished.only_line().contains("no regular file"), "{finished:?}");
    }
}

#[tokio::test]
async fn what_is_no_webassembly() {
    for content in [&b""[..], b"\0as", b"#!/bin/sh\necho hello\n", &[0xff; 1000]] {
        says(content, &["no WebAssembly", "wasm32-wasip2"]).await;
    }
}

#[tokio::test]
async fn a_core_module() {
    let module = wat::parse_str("(module (func (export \"init\")))").expect("a module");
    says(module, &["core WebAssembly module", "not a component", "wasm32-wasip2"]).await;
}

#[tokio::test]
async fn a_component_that_is_cut_off() {
    let whole = fs::read(guest("scripted")).expect("the guest can be read");
    for len in [8, 9, 1000, whole.len() / 2, whole.len() - 1] {
        let finished = run(&whole[..len]).await;
        let line = finished.only_line();
        assert!(line.starts_with("can't load "), "{line}");
    }
}

#[tokio::test]
async fn a_component_that_is_damaged() {
    let mut bytes = fs::read(guest("scripted")).expect("the guest can be read");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0xff);
    says(bytes, &["not a valid component"]).await;
}

#[tokio::test]
async fn a_component_of_another_world() {
    says(component(""), &[HANDLER, "exports nothing"]).await;
    let http = handler("wasi:http/incoming-handler@0.2.0", &["handle"], "");
    says(http, &[HANDLER, "`wasi:http/incoming-handler@0.2.0`"]).await;
    let function = "(core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
         (func $f (canon lift (core func $i \"f\"))) (export \"run\" (func $f))";
    says(component(function), &[HANDLER, "`run`"]).await;
}

#[tokio::test]
async fn a_handler_of_another_version_of_the_contract() {
    let other = "wshost:handler/handler@0.2.0";
    says(handler(other, &FUNCTIONS, ""), &[&format!("`{other}`"), &format!("`{HANDLER}`")]).await;
}

#[tokio::test]
async fn a_handler_without_one_of_its_functions() {
    for missing in FUNCTIONS {
        let mut others = FUNCTIONS.to_vec();
        others.retain(|name| *name != missing);
        says(handler(HANDLER, &others, ""), &[HANDLER, &format!("no function `{missing}`")]).await;
    }
}

#[tokio::test]
async fn a_handler_with_a_function_of_another_type() {
    says(handler(HANDLER, &FUNCTIONS, ""), &[HANDLER, "another type", "`init`"]).await;
}

#[tokio::test]
async fn an_import_that_is_not_granted() {
    let imports = "(import \"wasi:sockets/tcp@0.2.0\" (instance))
                   (import \"wasi:clocks/monotonic-clock@0.2.0\" (instance))
                   (import \"acme:database/sql\" (instance))";
    let parts = ["`wasi:sockets/tcp@0.2.0`", "`acme:database/sql`", "not granted"];
    let finished = run(handler(HANDLER, &FUNCTIONS, imports)).await;
    let line = finished.only_line();
    assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    assert!(!line.contains("monotonic-clock"), "{line}");
}

#[tokio::test]
async fn an_import_of_a_version_that_the_host_has_not() {
    for import in ["wshost:handler/timers@0.9.0", "wasi:clocks/monotonic-clock@0.3.0"] {
        let imports = format!("(import \"{import}\" (instance (export \"x\" (func))))");
        says(handler(HANDLER, &FUNCTIONS, &imports), &[import]).await;
    }
}

#[tokio::test]
async fn an_import_of_another_type() {
    let imports = "(import \"wshost:handler/timers@0.1.0\" (instance (export \"stop\" (func))))";
    let parts = ["import", "wshost:handler/timers@0.1.0", "stop"];
    says(handler(HANDLER, &FUNCTIONS, imports), &parts).await;
}

#[tokio::test]
async fn a_start_function_that_traps_or_never_ends() {
    let start = |body: &str| {
        let rest = format!(
            "(core module $starting (func $start {body}) (start $start))
             (core instance (instantiate $starting))"
        );
        handler(HANDLER, &FUNCTIONS, &rest)
    };
    says(start("unreachable"), &["start-up trapped", "unreachable"]).await;
    says(start("(loop (br 0))"), &["start-up ran for more than 1000 ms"]).await;
}

#[tokio::test]
async fn more_memory_than_an_instance_may_have() {
    let rest = "(core module $big (memory 2000)) (core instance (instantiate $big))";
    says(handler(HANDLER, &FUNCTIONS, rest), &["memory"]).await;
}
