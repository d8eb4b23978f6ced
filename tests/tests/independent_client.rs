//! A session with chat by a client that nobody here wrote: `websockets`, of
//! Python.

use std::{path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};
use wshost_tests::{Host, Signal, patiently};

#[tokio::test]
async fn a_chat_session_by_pythons_websockets() {
    let python = std::env::var_os("WSHOST_TEST_PYTHON")
        .expect("WSHOST_TEST_PYTHON names no Python: `cargo xtask test` makes one and sets it");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/chat_session.py");
    let mut host = Host::of("chat").start().await;
    let mut session = Command::new(python)
        .arg(script)
        .arg(format!("ws://{}", host.address()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python can be started");
    let mut lines = BufReader::new(session.stdout.take().expect("it is piped")).lines();
    // What went wrong it has written to standard error.
    let line = patiently("the session", lines.next_line()).await.expect("its output is text");
    assert_eq!(line.as_deref(), Some("waiting for the host to go down"));
    host.signal(Signal::TERM);
    let status = patiently("the session's end", session.wait()).await.expect("it can be awaited");
    assert!(status.success(), "{status}");
    assert!(host.end().await.success());
}
