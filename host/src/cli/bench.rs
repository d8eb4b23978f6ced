//! `wshost bench`: a load generator for any WebSocket server.
//!
//! ```text
//! echo, sparse, connect, fanout: Crew (threads, phases, the clock) → tasks → Socket
//! idle:                          one thread → many Sockets
//! all:                           Measured → Report → a table, or JSON
//! ```

mod connect;
mod crew;
mod disturb;
mod echo;
mod exchange;
mod fanout;
mod frames;
mod handshake;
mod idle;
mod latency;
mod pace;
mod pattern;
mod progress;
mod random;
mod report;
mod socket;
mod sparse;
mod talk;
mod timer;

use std::{num::NonZeroUsize, path::PathBuf, thread, time::Duration};

use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use rustix::process::{Resource, getrlimit, setrlimit};

use self::{handshake::Target, process::Process};
use super::process;

/// Files that a process has open besides its connections' sockets.
const FILES_ELSEWHERE: u64 = 64;

/// Loads a WebSocket server, and measures what it does.
///
/// Ctrl-C ends a run early, with what was measured until then.
#[derive(Args)]
pub(super) struct Bench {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    Echo(echo::Echo),
    Sparse(sparse::Sparse),
    Connect(connect::Connect),
    Idle(idle::Idle),
    Fanout(fanout::Fanout),
}

impl Bench {
    pub(super) fn run(self) -> Result<()> {
        match self.scenario {
            Scenario::Echo(echo) => echo.run(),
            Scenario::Sparse(sparse) => sparse.run(),
            Scenario::Connect(connect) => connect.run(),
            Scenario::Idle(idle) => idle.run(),
            Scenario::Fanout(fanout) => fanout.run(),
        }
    }
}

/// What every scenario is told.
#[derive(Args)]
struct Common {
    /// The server, as in ws://127.0.0.1:8080/ or wss://example.com/
    url: String,
    /// An authority to trust besides the system's (PEM), for wss://
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// A header field to send with each request; may be repeated
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// The server's process, where it runs on this machine: what it uses is measured too
    #[arg(long)]
    pid: Option<u32>,
    /// Writes the result as JSON
    #[arg(long)]
    json: bool,
}

impl Common {
    fn target(&self) -> Result<Target> {
        Target::new(&self.url, &self.header, self.ca.as_deref())
    }

    fn server(&self) -> Result<Option<Process>> {
        self.pid.map(Process::find).transpose()
    }
}

/// How long a scenario loads the server, and with how many threads.
#[derive(Args)]
struct Course {
    /// How long to measure
    #[arg(long, value_name = "SECONDS", value_parser = duration, default_value = "10")]
    seconds: Duration,
    /// How long to load the server before that
    #[arg(long, value_name = "SECONDS", value_parser = duration, default_value = "0.5")]
    warm_up: Duration,
    /// Threads of the client; by default half as many as there are processors
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

impl Course {
    /// The server on this machine has the other half.
    fn threads(&self) -> usize {
        let half = || thread::available_parallelism().map_or(1, |all| all.get().div_ceil(2));
        self.threads.map_or_else(half, NonZeroUsize::get)
    }
}

/// Reads a number of seconds, which may have a fraction.
fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|error| format!("{error}"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// Lets this process hold so many sockets.
fn make_room(sockets: usize) -> Result<()> {
    let wanted = sockets as u64 + FILES_ELSEWHERE;
    let mut limit = getrlimit(Resource::Nofile);
    let allowed = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if allowed(limit.current) {
        return Ok(());
    }
    ensure!(
        allowed(limit.maximum),
        "{sockets} connections need {wanted} open files, and this process may have {}; \
         use several processes, or raise the limit (`ulimit -n`)",
        limit.maximum.unwrap_or_default()
    );
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(())
}
