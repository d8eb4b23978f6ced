//! The host's side of the interfaces that a handler imports.

use std::sync::Arc;

use tracing::Level;
use wasmtime::{
    Result,
    component::{HasSelf, Linker},
};
use wasmtime_wasi::p2::bindings::{
    cli::{stderr, stdout},
    clocks::monotonic_clock,
};

use super::{
    bindings::{
        Plugin,
        wshost::handler::{
            connections, logging, timers, topics,
            types::{self, ErrorResult as Error, FrameResult as Frame},
        },
    },
    directories,
    hibernation::handles,
    http,
    ledger::Ledger,
    state::State,
};
use crate::{hibernation, tenant::Tenant};

/// Makes available what a plugin may import: the contract's interfaces, the host's
/// side of hibernation, and of WASI 0.2 clocks, randomness, output to the log, HTTP
/// requests, and a file system and an environment, in which there is what is granted
/// (Rust's standard library asks for both). What a plugin must be granted before it
/// may import it is checked when it is loaded.
///
/// # Errors
/// Only if two interfaces had the same name.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    Plugin::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    hibernation::add_to_linker(linker)?;
    handles::add_to_linker(linker)?;
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(linker)?;
    add_own(linker)?;
    http::add_to_linker(linker)?;
    directories::add_to_linker(linker)?;
    add_wasi_rest(linker)
}

/// Output to the log and the clock, in place of WASI's.
fn add_own(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    stdout::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    stderr::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    monotonic_clock::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What Rust's and C's standard libraries import besides `wasi:http/proxy`'s part.
fn add_wasi_rest(linker: &mut Linker<State>) -> Result<()> {
    use wasmtime_wasi::{
        cli::{WasiCli, WasiCliView as _},
        filesystem::{WasiFilesystem, WasiFilesystemView as _},
        p2::bindings::{cli, filesystem, random},
        random::{WasiRandom, WasiRandomView as _},
    };
    let l = linker;
    cli::environment::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::exit::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(l, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(l, State::cli)?;
    random::insecure::add_to_linker::<State, WasiRandom>(l, State::random)?;
    random::insecure_seed::add_to_linker::<State, WasiRandom>(l, State::random)?;
    filesystem::types::add_to_linker::<State, WasiFilesystem>(l, State::filesystem)
}

impl types::Host for State {}

impl State {
    /// Asks the ledger, and counts what a limit refused.
    pub(super) fn counted<T>(
        &mut self,
        ask: impl FnOnce(&mut Ledger, &Arc<Tenant>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let answer = ask(&mut self.ledger, &self.tenant);
        if let Err(Error::Limit(setting)) = &answer {
            self.tenant.limit(setting);
        }
        answer
    }
}

impl connections::Host for State {
    fn send(&mut self, to: String, payload: Vec<u8>) -> Result<Result<(), Error>> {
        Ok(self.counted(|ledger, tenant| ledger.send(tenant, &to, payload)))
    }

    fn monitor(&mut self, id: String) -> Result<Result<(), Error>> {
        Ok(self.counted(|ledger, tenant| ledger.monitor(tenant, &id)))
    }

    fn demonitor(&mut self, id: String) -> Result<Result<(), Error>> {
        Ok(self.counted(|ledger, tenant| ledger.demonitor(tenant, &id)))
    }

    fn call(
        &mut self,
        to: String,
        payload: Vec<u8>,
        timeout_ms: u64,
    ) -> Result<Result<u64, Error>> {
        Ok(self.counted(|ledger, tenant| ledger.call(tenant, &to, payload, timeout_ms)))
    }

    fn reply(&mut self, to: String, call: u64, payload: Vec<u8>) -> Result<Result<(), Error>> {
        Ok(self.counted(|ledger, tenant| ledger.reply(tenant, &to, call, payload)))
    }
}

impl topics::Host for State {
    fn subscribe(&mut self, pattern: String, since: topics::Since) -> Result<Result<(), Error>> {
        Ok(self.counted(|ledger, tenant| ledger.subscribe(tenant, &pattern, since)))
    }

    fn unsubscribe(&mut self, pattern: String) -> Result<Result<(), Error>> {
        Ok(self.counted(|ledger, tenant| ledger.unsubscribe(tenant, &pattern)))
    }

    fn publish_frame(
        &mut self,
        topic: String,
        frame: Frame,
        to: topics::Audience,
    ) -> Result<Result<(), Error>> {
        let to_self = matches!(to, topics::Audience::Everyone);
        Ok(self.counted(|ledger, tenant| ledger.publish_frame(tenant, &topic, frame, to_self)))
    }

    fn publish_message(
        &mut self,
        topic: String,
        payload: Vec<u8>,
        to: topics::Audience,
    ) -> Result<Result<(), Error>> {
        let to_self = matches!(to, topics::Audience::Everyone);
        Ok(self.counted(|ledger, tenant| ledger.publish_message(tenant, &topic, payload, to_self)))
    }
}

impl timers::Host for State {
    fn start(&mut self, milliseconds: u64, payload: Vec<u8>) -> Result<Result<u64, Error>> {
        Ok(self.counted(|ledger, tenant| ledger.start_timer(tenant, milliseconds, payload)))
    }

    fn cancel(&mut self, timer: u64) -> Result<bool> {
        Ok(self.ledger.timers.cancel(timer))
    }
}

impl logging::Host for State {
    fn max_level(&mut self) -> Result<Option<logging::Level>> {
        Ok(self.log.max_level().map(|level| match level {
            Level::ERROR => logging::Level::Error,
            Level::WARN => logging::Level::Warn,
            Level::INFO => logging::Level::Info,
            Level::DEBUG => logging::Level::Debug,
            _ => logging::Level::Trace,
        }))
    }

    fn log(&mut self, level: logging::Level, target: String, message: String) -> Result<()> {
        let level = match level {
            logging::Level::Error => Level::ERROR,
            logging::Level::Warn => Level::WARN,
            logging::Level::Info => Level::INFO,
            logging::Level::Debug => Level::DEBUG,
            logging::Level::Trace => Level::TRACE,
        };
        self.log.line(level, &target, &message);
        Ok(())
    }
}
