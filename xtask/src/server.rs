//! The servers that are measured and tested.

use std::{
    io::{BufRead as _, BufReader},
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
}

impl Kind {
    /// The baselines first.
    pub(crate) const ALL: [Self; 6] = [
        Self::Batched,
        Self::Plain,
        Self::Fastwebsockets,
        Self::Wshost,
        Self::Hibernating,
        Self::HibernatingAtOnce,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wshost => "wshost",
            Self::Hibernating => "hibernating",
            Self::HibernatingAtOnce => "hibernating at once",
            Self::Batched => "batched",
            Self::Plain => "plain",
            Self::Fastwebsockets => "fastwebsockets",
        }
    }

    /// Starts it on a port of its own.
    pub(crate) fn start(self) -> Result<Server> {
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("can't start {}", self.name()))?;
        let stdout = child.stdout.take().context("standard output is piped")?;
        // In place before it is waited for, so that it is ended where that fails.
        let mut server = Server { child, url: String::new() };
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

    fn command(self) -> Command {
        let example = |name: &str| Command::new(target().join("release/examples").join(name));
        match self {
            Self::Plain => example("baseline"),
            Self::Fastwebsockets => example("fastwebsockets"),
            Self::Batched => {
                let mut command = example("baseline");
                command.arg("--batched");
                command
            }
            Self::Wshost | Self::Hibernating => echo_guest(),
            Self::HibernatingAtOnce => {
                let mut command = echo_guest();
                command.args(["--set", "hibernate_grace_ms=0"]);
                command
            }
        }
    }
}

fn echo_guest() -> Command {
    let mut command = Command::new(wshost());
    command.arg("run").arg(target().join("wasm32-wasip2/release/echo.wasm")).args([
        "--listen",
        "127.0.0.1:0",
        "--log",
        "warn",
    ]);
    // The host would take it for a setting that is not known.
    command.env_remove(SCRIPT);
    command
}

/// One that is running. It is ended when dropped.
pub(crate) struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Loads it by `wshost bench`, and returns the report.
    pub(crate) fn load(&self, scenario: &str, duration: Duration) -> Result<Value> {
        let output = Command::new(wshost())
            .arg("bench")
            .args(scenario.split_whitespace())
            .args(["--json", "--seconds", &duration.as_secs_f64().to_string()])
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

fn wshost() -> std::path::PathBuf {
    target().join("release/wshost")
}
