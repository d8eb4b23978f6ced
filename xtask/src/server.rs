//! The servers that are measured and tested.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{autobahn::SCRIPT, build::target};

/// A server that can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The host, with the echo guest.
    Wshost,
    /// The same, the guest asking for hibernation in every callback.
    Hibernating,
    /// The same, and put to sleep at once each time.
    HibernatingAtOnce,
    /// tokio-tungstenite, which flushes once per batch.
    Batched,
    /// tokio-tungstenite, which flushes each message.
    Plain,
    Fastwebsockets,
    /// tokio-tungstenite and a broadcast channel, which flushes once per batch.
    BroadcastBatched,
    /// The same, which flushes each message.
    BroadcastPlain,
    /// The host, with a guest that subscribes and publishes as it is told.
    Topic,
}

impl Kind {
    /// The baselines first.
    pub(crate) const ALL: [Self; 9] = [
        Self::Batched,
        Self::Plain,
        Self::Fastwebsockets,
        Self::Wshost,
        Self::Hibernating,
        Self::HibernatingAtOnce,
        Self::BroadcastBatched,
        Self::BroadcastPlain,
        Self::Topic,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wshost => "wshost",
            Self::Hibernating => "hibernating",
            Self::HibernatingAtOnce => "hibernating at once",
            Self::Batched => "batched",
            Self::Plain => "plain",
            Self::Fastwebsockets => "fastwebsockets",
            Self::BroadcastBatched => "broadcast, batched",
            Self::BroadcastPlain => "broadcast, plain",
            Self::Topic => "wshost, a topic",
        }
    }

    /// Starts it on a port of its own. Its program is in this folder, built.
    pub(crate) fn start(self, programs: &Path) -> Result<Server> {
        let mut command = self.command(programs);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("can't start {}", self.name()))?;
        let stdout = child.stdout.take().context("standard output is piped")?;
        // In place before it is waited for, so that it is ended where that fails.
        let mut server = Server { child, url: String::new(), wshost: wshost(programs) };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        match line.trim_end().strip_prefix("listening on ") {
            Some(url) => server.url = format!("{url}{}", self.query()),
            None => {
                bail!("{} did not say where it listens, but `{}`", self.name(), line.trim_end())
            }
        }
        Ok(server)
    }

    /// What the echo guest is asked for by.
    fn query(self) -> &'static str {
        match self {
            Self::Hibernating | Self::HibernatingAtOnce => "?hibernate",
            _ => "",
        }
    }

    fn command(self, programs: &Path) -> Command {
        let example = |name: &str| Command::new(programs.join("examples").join(name));
        let guest = |name: &str| guest(programs, name);
        match self {
            Self::Plain => example("baseline"),
            Self::Fastwebsockets => example("fastwebsockets"),
            Self::Batched => {
                let mut command = example("baseline");
                command.arg("--batched");
                command
            }
            Self::Wshost | Self::Hibernating => guest("echo"),
            Self::HibernatingAtOnce => {
                let mut command = guest("echo");
                command.args(["--set", "hibernate_grace_ms=0"]);
                command
            }
            Self::BroadcastPlain => example("broadcast"),
            Self::BroadcastBatched => {
                let mut command = example("broadcast");
                command.arg("--batched");
                command
            }
            Self::Topic => guest("scripted"),
        }
    }
}

/// The host with one of the guests.
fn guest(programs: &Path, name: &str) -> Command {
    let guest = target().join("wasm32-wasip2/release").join(name).with_extension("wasm");
    let mut command = Command::new(wshost(programs));
    command.arg("run").arg(guest).args(["--listen", "127.0.0.1:0", "--log", "warn"]);
    // The host would take it for a setting that is not known.
    command.env_remove(SCRIPT);
    command
}

/// One that is running. It is ended when dropped.
pub(crate) struct Server {
    child: Child,
    url: String,
    /// What loads it.
    wshost: PathBuf,
}

impl Server {
    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Loads it by `wshost bench`, for this long if the scenario takes a time, and
    /// returns the report.
    pub(crate) fn load(&self, scenario: &str, duration: Option<Duration>) -> Result<Value> {
        let mut command = Command::new(&self.wshost);
        command.arg("bench").args(scenario.split_whitespace()).arg("--json");
        if let Some(duration) = duration {
            command.args(["--seconds", &duration.as_secs_f64().to_string()]);
        }
        let output = command
            .args(["--pid", &self.child.id().to_string()])
            .arg(&self.url)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("can't start wshost bench")?;
        if !output.status.success() {
            bail!("wshost bench failed: {}", output.status);
        }
        serde_json::from_slice(&output.stdout).context("wshost bench did not write JSON")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails where it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wshost(programs: &Path) -> PathBuf {
    programs.join("wshost")
}
