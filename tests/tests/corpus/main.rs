//! The hostile corpus: handlers that do all they can to others, each beside 500
//! connections that behave well, of the same plugin, whose every message is
//! checked.
//!
//! What a handler in Rust can do is told to `scripted`; what no toolchain would
//! make is in `by_hand`, a component of WebAssembly written by hand. In `memory`
//! all of it happens to one host, which must have its memory back afterwards.

mod by_hand;
mod forgery;
mod logs;
mod memory;
mod rest;
mod start;
mod storms;
mod traps;

use wshost_tests::{Ask, Crowd, Host, Mode, counting, raise_socket_limit};

/// Connections that behave well.
const CROWD: usize = 500;

/// Limits that no handler reaches here, however slow or busy the machine is: a handler that
/// misbehaves must reach the limit that its test names.
const PATIENT: [&str; 3] =
    ["handshake_timeout_ms=600000", "callback_time_max_ms=60000", "callback_wait_max_ms=600000"];

/// A short limit for handlers that loop. A test with this limit runs no other handler that
/// misbehaves, because on a slow machine that one would reach this limit first.
const LOOPS: &str = "callback_time_max_ms=200";

/// A host of `scripted` with these settings.
async fn host(settings: &[&str]) -> Host {
    raise_socket_limit();
    Host::of("scripted").takes_turns().set_all(&PATIENT).set_all(settings).start().await
}

/// A request. What the host logs of it is not waited for.
fn ask(host: &Host) -> Ask {
    Mode::HTTP1.ask_address(host.address())
}

/// The crowd of a host of `scripted`. Every other handler sleeps after each event.
/// They take what others send them, and say nothing to it.
async fn crowd(host: &Host) -> Crowd {
    let ask = |number: usize| {
        let ask = ask(host).init("only:opened,frames,info").opened("sub:everyone").info("");
        if number.is_multiple_of(2) { ask.header("x-hibernate", "1") } else { ask }
    };
    Crowd::open((0..CROWD).map(ask), counting).await
}

/// The host has gone on all the while, by what its log says.
fn is_sound(host: &Host) {
    assert_eq!(host.log().lines_with(&["panicked at host"]), [""; 0]);
    assert_eq!(host.log().lines_with(&["panicked at /"]), [""; 0]);
}

/// The limit of this setting was hit, and counted.
async fn counted(host: &Host, setting: &str) {
    let label = format!("limit=\"{setting}\"");
    host.metric_reaches("wshost_limits_hit_total", &[&label], 1).await;
}
