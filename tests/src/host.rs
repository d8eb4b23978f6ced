//! `wshost run` as a child process.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Weak},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{Mutex, oneshot};

use crate::{Identity, Log, Trust, paths, patiently};

/// A running host. It is killed when dropped.
#[derive(Debug)]
pub struct Host {
    child: Child,
    address: SocketAddr,
    log: Log,
    trust: Option<Trust>,
}

/// A host to be started.
#[derive(Debug)]
pub struct HostBuilder {
    plugin: PathBuf,
    arguments: Vec<OsString>,
    cache: PathBuf,
    trust: Option<Trust>,
}

impl Host {
    /// A host of the guest of this name, to be started.
    pub fn of(guest: &str) -> HostBuilder {
        Self::of_file(&paths::guest(guest))
    }

    /// A host of the plugin in this file, to be started.
    pub fn of_file(plugin: &Path) -> HostBuilder {
        HostBuilder {
            plugin: plugin.to_owned(),
            arguments: Vec::new(),
            cache: paths::cache(),
            trust: None,
        }
    }

    /// A host of `scripted` with every setting at its default, shared by the
    /// tests that run now. It ends with the last of them.
    pub async fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Host>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(host) = shared.upgrade() {
            return host;
        }
        let host = Arc::new(Self::of("scripted").start().await);
        *shared = Arc::downgrade(&host);
        host
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who trusts it, if it speaks TLS.
    pub(crate) fn trust(&self) -> Option<Trust> {
        self.trust.clone()
    }

    /// Its process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What `terminate` of the `scripted` guest was told.
    pub async fn terminated(&self, connection: &str) -> String {
        let line = self.log.line_with(&["guest: terminate ", connection]).await;
        reason_in(&line)
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it is not there any more.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the host is there");
    }

    /// Waits for its end, and for the end of its log.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn end(&mut self) -> ExitStatus {
        // It closes its standard error when it ends, and nobody else has it.
        self.log.end().await;
        self.child.wait().expect("the host is this process's child")
    }

    /// Tells it to stop, and waits for its end. Then its log is complete.
    ///
    /// # Panics
    /// If it does not end well.
    pub async fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.end().await;
        assert!(status.success(), "the host ended with {status}: {:#?}", self.log.lines());
    }
}

fn reason_in(line: &str) -> String {
    let reason = line.split("guest: terminate ").nth(1).unwrap_or_default();
    reason.split(" plugin=").next().unwrap_or_default().to_owned()
}

impl Drop for Host {
    fn drop(&mut self) {
        // Fails where it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl HostBuilder {
    /// With `NAME=VALUE`.
    #[must_use]
    pub fn set(self, assignment: &str) -> Self {
        self.argument("--set").argument(assignment)
    }

    /// With each of these `NAME=VALUE`.
    #[must_use]
    pub fn set_all(self, assignments: &[&str]) -> Self {
        assignments.iter().fold(self, |host, assignment| host.set(assignment))
    }

    /// With one more argument.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Over TLS, with this certificate, which its clients trust.
    #[must_use]
    pub fn tls(mut self, identity: &Identity) -> Self {
        for (option, file) in
            [("--tls-cert", identity.certificate()), ("--tls-key", identity.key())]
        {
            self.arguments.extend([option.into(), file.into()]);
        }
        self.trust = Some(identity.trust());
        self
    }

    /// With compiled code kept here.
    #[must_use]
    pub fn cache(mut self, directory: &Path) -> Self {
        directory.clone_into(&mut self.cache);
        self
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Panics
    /// If it does not come to listen.
    pub async fn start(self) -> Host {
        let mut child = Command::new(paths::program())
            .arg("run")
            .arg(self.plugin)
            .args(["--listen", "127.0.0.1:0", "--log", "info,guest=trace,wshost=trace"])
            // Before those that the test gives.
            .args(["--set", "hibernate_grace_ms=0"])
            .args(self.arguments)
            .arg("--cache")
            .arg(self.cache)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wshost can be started");
        let log = Log::of(child.stderr.take().expect("standard error is piped"));
        let address = announced(child.stdout.take().expect("standard output is piped"));
        // In place before it is waited for: where that fails, the child is killed.
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut host = Host { child, address: unknown, log, trust: self.trust };
        match patiently("the host to listen", address).await {
            Some(address) => host.address = address,
            None => {
                host.log.end().await;
                panic!("the host did not listen: {:#?}", host.log.lines());
            }
        }
        host
    }
}

/// What stands in the line `listening on ws://ADDRESS/`, or `wss`. None: it does
/// not come.
async fn announced(stdout: std::process::ChildStdout) -> Option<SocketAddr> {
    let (sender, announced) = oneshot::channel();
    thread::spawn(move || {
        let mut line = String::new();
        // Without a line there is no address in it.
        let _ = BufReader::new(stdout).read_line(&mut line);
        let address = line.trim_end().strip_prefix("listening on ");
        let address = address.and_then(|url| url.split_once("://"));
        let address = address.and_then(|(_, rest)| rest.strip_suffix('/'));
        let _ = sender.send(address.and_then(|address| address.parse().ok()));
    });
    announced.await.ok().flatten()
}
