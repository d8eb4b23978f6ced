//! Sessions by a client that nobody here wrote: `websockets`, of Python.

use std::{path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};
use wshost_tests::{Host, Signal, patiently};

/// A script of `clients/`, at work with a host.
fn script(name: &str, host: &Host) -> Child {
    let python = std::env::var_os("WSHOST_TEST_PYTHON")
        .expect("WSHOST_TEST_PYTHON names no Python: `cargo xtask test` makes one and sets it");
    Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name))
        .arg(format!("ws://{}", host.address()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python can be started")
}

/// With windows of all sizes, kept between messages and not.
#[tokio::test]
async fn a_compressed_echo_for_pythons_websockets() {
    let host = Host::of("echo").start().await;
    let mut session = script("compressed_echo.py", &host);
    let status = patiently("the session's end", session.wait()).await.expect("it can be awaited");
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn a_chat_session_by_pythons_websockets() {
    let mut host = Host::of("chat").start().await;
    let mut session = script("chat_session.py", &host);
    let mut lines = BufReader::new(session.stdout.take().expect("it is piped")).lines();
    // What went wrong it has written to standard error.
    let line = patiently("the session", lines.next_line()).await.expect("its output is text");
    assert_eq!(line.as_deref(), Some("waiting for the host to go down"));
    host.signal(Signal::TERM);
    let status = patiently("the session's end", session.wait()).await.expect("it can be awaited");
    assert!(status.success(), "{status}");
    assert!(host.end().await.success());
}
