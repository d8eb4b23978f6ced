//! Workers that do other than they should, and what becomes of one whose host ends.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, kill_process, pidfd_open},
};
use tempfile::TempDir;
use wshost::{
    config::Configuration,
    key_value::Stores,
    observe::metrics::Format,
    plugin::{Compiler, Loader},
    sandbox,
};
use wshost_tests::{Mode, PATIENCE, Signal, command, guest, patiently, program};

use super::{hostile, serve::serve};

/// Loads in this process, by workers of this program.
fn loader(program: &Path, settings: &[&str]) -> Loader {
    let configuration = Configuration::of(&[&["instances_max=10"], settings].concat()).unwrap();
    Loader {
        engine: sandbox::engine(configuration.host()).unwrap(),
        compiler: Compiler::in_worker(program, configuration.host()),
        configuration,
        stores: Stores::default(),
        metrics: Arc::default(),
    }
}

/// A program that is this shell script.
fn script(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("worker");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    (directory, path)
}

/// What is said where the worker is this script.
async fn said(text: &str, settings: &[&str]) -> String {
    let (_directory, program) = script(text);
    let loaded = patiently("a load", async {
        loader(&program, settings).load(&guest("echo")).await.map(drop)
    });
    loaded.await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_worker_that_crashes_or_lies_is_an_error() {
    for (text, why) in [
        ("kill -s SEGV $$", "the compiler failed: signal: 11 (SIGSEGV)"),
        ("echo 'oh dear' >&2; exit 3", "the compiler failed: exit status: 3: oh dear"),
        ("exit 1", "the compiler failed: exit status: 1"),
        ("echo no code", "the compiler failed: what it made can't be used: it is damaged"),
        ("while :; do echo lots; done", "code_max_bytes=1024"),
    ] {
        let error = said(text, &["code_max_bytes=1024"]).await;
        assert!(error.contains(why), "`{why}` is missing in: {error}");
    }
}

#[tokio::test]
async fn a_worker_that_never_ends_is_not_waited_for() {
    let error = said("while :; do :; done", &["compile_wait_max_ms=100"]).await;
    assert!(error.contains("longer than compile_wait_max_ms=100"), "{error}");
}

#[tokio::test]
async fn a_worker_that_is_not_there_is_an_error() {
    let loaded = loader(Path::new("/nowhere"), &[]).load(&guest("echo")).await;
    let error = loaded.map(drop).unwrap_err().to_string();
    assert!(error.contains("can't run the compiler: No such file"), "{error}");
}

#[tokio::test]
async fn a_host_that_serves_goes_on_while_it_loads() {
    let loader = loader(&program(), &["compile_memory_max_bytes=268_435_456"]);
    let plugin = loader.load(&guest("scripted")).await.unwrap();
    let (_, address) = serve(plugin).await;
    let mut client = Mode::HTTP1.ask_address(address).open().await;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hostile.wasm");
    fs::write(&path, hostile::many_functions()).unwrap();
    let loading = loader.load(&path);
    tokio::pin!(loading);
    // One thread does both, so it can't be held up by the load.
    let mut answers = 0;
    let refused = loop {
        tokio::select! {
            loaded = &mut loading => break loaded.map(drop).unwrap_err(),
            answer = client.ask("count") => {
                answers += 1;
                assert_eq!(answer, format!("count {answers}"));
            }
        }
    };
    assert!(refused.to_string().contains("compile_memory_max_bytes"), "{refused}");
    assert!(answers > 0);
    let counted = loader.metrics.text(Format::OpenMetrics).unwrap();
    let line = "wshost_limits_hit_total{plugin=\"hostile\",limit=\"compile_memory_max_bytes\"} 1";
    assert!(counted.contains(line), "{counted}");
}

/// The first child of a process, once it has one.
async fn child_of(parent: u32) -> Pid {
    let found = patiently("a child", async {
        loop {
            let tasks = fs::read_dir(format!("/proc/{parent}/task")).unwrap();
            for task in tasks.filter_map(Result::ok) {
                let children = fs::read_to_string(task.path().join("children"));
                let children = children.unwrap_or_default();
                if let Some(child) = children.split_whitespace().next() {
                    return child.parse().unwrap();
                }
            }
            // The system tells nobody.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    Pid::from_raw(found.await).unwrap()
}

#[tokio::test]
async fn a_worker_ends_with_its_host() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("slow.wasm");
    fs::write(&path, hostile::many_functions()).unwrap();
    for signal in [Signal::TERM, Signal::KILL] {
        let mut host = command()
            .arg("run")
            .arg(&path)
            .args(["--listen", "127.0.0.1:0", "--cache"])
            .arg(directory.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let worker = pidfd_open(child_of(host.id()).await, PidfdFlags::NONBLOCK).unwrap();
        kill_process(Pid::from_child(&host), signal).unwrap();
        host.wait().unwrap();
        let ended = tokio::task::spawn_blocking(move || {
            let deadline = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
            poll(&mut [PollFd::new(&worker, PollFlags::IN)], Some(&deadline))
        });
        assert_eq!(ended.await.unwrap().unwrap(), 1, "the worker outlives its host");
    }
}
