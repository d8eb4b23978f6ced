//! `wshost run` and `wshost serve` as child processes.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    os::fd::IntoRawFd as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Weak},
    thread,
    time::Duration,
};

use rustix::{
    io::FdFlags,
    process::{Pid, Signal, kill_process},
};
use tokio::sync::{Mutex, MutexGuard, oneshot};

use crate::{Identity, Log, Trust, Usage, exchange, paths, patiently};

/// A running host. It is killed when dropped.
#[derive(Debug)]
pub struct Host {
    child: Child,
    address: SocketAddr,
    log: Log,
    trust: Option<Trust>,
    /// Given up after the process has ended.
    _turn: Option<MutexGuard<'static, ()>>,
}

/// A host to be started.
#[derive(Debug)]
pub struct HostBuilder {
    /// The command and what it is about.
    command: Vec<OsString>,
    arguments: Vec<OsString>,
    cache: PathBuf,
    variables: Vec<(String, OsString)>,
    /// None: as it is configured.
    log: Option<&'static str>,
    trust: Option<Trust>,
    files_max: Option<u64>,
    /// Sockets that are passed to it, and their names.
    passed: Vec<(&'static str, TcpListener)>,
    takes_turns: bool,
}

/// Held by the host whose turn it is.
static TURN: Mutex<()> = Mutex::const_new(());

impl Host {
    /// A host of the guest of this name, to be started.
    pub fn of(guest: &str) -> HostBuilder {
        Self::of_file(&paths::guest(guest))
    }

    /// A host of the plugin in this file, to be started.
    pub fn of_file(plugin: &Path) -> HostBuilder {
        HostBuilder {
            command: vec!["run".into(), plugin.into()],
            arguments: Vec::new(),
            cache: paths::cache(),
            variables: Vec::new(),
            log: Some("info,guest=trace,wshost=trace"),
            trust: None,
            files_max: None,
            passed: Vec::new(),
            takes_turns: false,
        }
    }

    /// A host of the plugins in this directory, to be started.
    pub fn of_directory(plugins: &Path) -> HostBuilder {
        let command = vec!["serve".into(), "--plugins".into(), plugins.into()];
        HostBuilder { command, ..Self::of_file(plugins) }
    }

    /// A host of the handler in this project, to be started.
    pub fn of_project(project: &Path) -> HostBuilder {
        let command = vec!["dev".into(), "--path".into(), project.into()];
        HostBuilder { command, ..Self::of_file(project) }
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

    /// What it takes of the machine.
    ///
    /// # Panics
    /// If it is not there any more.
    pub fn usage(&self) -> Usage {
        Usage::of(self.pid()).expect("the host is there")
    }

    /// Its log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What `terminate` of the `scripted` guest was told.
    pub async fn terminated(&self, connection: &str) -> String {
        let line = self.log.line_with(&["guest::", ": terminate ", connection]).await;
        reason_in(&line)
    }

    /// What its internal listener answers to a request for this path.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn internal(&self, path: &str) -> String {
        let address = self.internal_address().await;
        exchange(address, format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"))
            .await
    }

    /// All its metrics, as a scraper gets them that accepts this media type.
    ///
    /// # Panics
    /// If it does not tell.
    pub async fn metrics(&self, accept: &str) -> String {
        let address = self.internal_address().await;
        let request = format!(
            "GET /metrics HTTP/1.1\r\nHost: here\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
        );
        let response = exchange(address, request).await;
        let (head, metrics) = response.split_once("\r\n\r\n").expect("it answers");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        metrics.to_owned()
    }

    /// Where it tells that.
    ///
    /// # Panics
    /// If it does not say so.
    pub async fn internal_address(&self) -> SocketAddr {
        let line = self.log.line_with(&["internal listener on http://"]).await;
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        address.and_then(|address| address.parse().ok()).expect("an address")
    }

    /// A metric's value: the sum of those of this name that have all these labels,
    /// as in `limit="timers_max"`.
    ///
    /// # Panics
    /// If the host does not tell.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> u64 {
        let metrics = self.metrics("application/openmetrics-text").await;
        assert!(metrics.ends_with("# EOF\n"), "no metrics, but {metrics}");
        let of_name = |line: &&str| {
            let rest = line.strip_prefix(name).unwrap_or_default();
            rest.starts_with(['{', ' ']) && labels.iter().all(|label| rest.contains(label))
        };
        let value =
            |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<u64>().ok());
        metrics.lines().filter(of_name).filter_map(value).sum()
    }

    /// Waits until a metric is so much at least.
    ///
    /// # Panics
    /// If it does not come to that.
    pub async fn metric_reaches(&self, name: &str, labels: &[&str], least: u64) {
        self.metric_until(name, labels, |value| value >= least).await;
    }

    /// Waits until a metric is so much at most.
    ///
    /// # Panics
    /// If it does not come to that.
    pub async fn metric_falls_to(&self, name: &str, labels: &[&str], most: u64) {
        self.metric_until(name, labels, |value| value <= most).await;
    }

    async fn metric_until(&self, name: &str, labels: &[&str], reached: impl Fn(u64) -> bool) {
        let until = async {
            // Nobody tells when it changes.
            while !reached(self.metric(name, labels).await) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        patiently(&format!("a change of {name} {labels:?}"), until).await;
    }

    /// Counts [`Self::peak_memory_bytes`] from now on.
    ///
    /// # Panics
    /// If the system does not do so.
    pub fn forget_peak_memory(&self) {
        let path = format!("/proc/{}/clear_refs", self.pid());
        std::fs::write(path, "5").expect("the host is this process's child");
    }

    /// The most memory that it had so far: what was resident, in bytes.
    ///
    /// # Panics
    /// If the system does not tell.
    pub fn peak_memory_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the host is there");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<usize>().ok()).expect("the system tells it") * 1024
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
    let reason = line.split(": terminate ").nth(1).unwrap_or_default();
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

    /// With so many open files allowed.
    #[must_use]
    pub fn files_max(mut self, count: u64) -> Self {
        self.files_max = Some(count);
        self
    }

    /// With compiled code kept here.
    #[must_use]
    pub fn cache(mut self, directory: &Path) -> Self {
        directory.clone_into(&mut self.cache);
        self
    }

    /// With a log of these levels. Else everything is in it, which one that runs
    /// for long should not keep.
    #[must_use]
    pub fn log(mut self, levels: &'static str) -> Self {
        self.log = Some(levels);
        self
    }

    /// Starts when no other host of this process that takes turns runs: for a test whose
    /// load takes the whole machine, however many tests run at once.
    #[must_use]
    pub fn takes_turns(mut self) -> Self {
        self.takes_turns = true;
        self
    }

    /// With the log that its configuration asks for.
    #[must_use]
    pub fn log_as_configured(mut self) -> Self {
        self.log = None;
        self
    }

    /// With this variable in its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// With this socket passed to it, as systemd does; no name is none.
    #[must_use]
    pub fn pass(mut self, name: &'static str, socket: TcpListener) -> Self {
        self.passed.push((name, socket));
        self
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Panics
    /// If it does not come to listen.
    pub async fn start(mut self) -> Host {
        let turn = if self.takes_turns { Some(TURN.lock().await) } else { None };
        let mut child = self.command().spawn().expect("wshost can be started");
        let log = Log::of(child.stderr.take().expect("standard error is piped"));
        let address = announced(child.stdout.take().expect("standard output is piped"));
        // In place before it is waited for: where that fails, the child is killed.
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let trust = self.trust.take();
        let mut host = Host { child, address: unknown, log, trust, _turn: turn };
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

impl HostBuilder {
    fn command(&self) -> Command {
        let mut command = self.starter().map_or_else(paths::command, paths::command_by);
        command
            .args(&self.command)
            .args(["--listen", "127.0.0.1:0", "--internal", "127.0.0.1:0"])
            .args(self.log.iter().flat_map(|log| ["--log", *log]))
            // Before those that the test gives.
            .args(["--set", "hibernate_grace_ms=0"])
            .args(["--set", "failure_lines_max_per_second=10000"])
            .args(&self.arguments)
            .arg("--cache")
            .arg(&self.cache)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            // Projects have one of their own.
            .env_remove("CARGO_TARGET_DIR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What starts the program, if it is to find something prepared: a limit, or
    /// sockets, the first as 3.
    fn starter(&self) -> Option<Command> {
        let mut script = String::new();
        if let Some(count) = self.files_max {
            script += &format!("ulimit -n {count} && ");
        }
        for (number, (_, socket)) in (3..).zip(&self.passed) {
            script += &format!("exec {number}<&{} && ", inherited(socket));
        }
        if !self.passed.is_empty() {
            let names: Vec<&str> = self.passed.iter().map(|(name, _)| *name).collect();
            let count = names.len();
            let names = Some(names.join(":")).filter(|names| !names.is_empty());
            let names = names.map(|names| format!("LISTEN_FDNAMES={names}")).unwrap_or_default();
            script += &format!("export LISTEN_PID=$$ LISTEN_FDS={count} {names} && ");
        }
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("{script} exec \"$@\""), "bash"]);
        Some(shell).filter(|_| !script.is_empty())
    }
}

/// The number of a copy of this socket that processes started by this one have: a large
/// one, which is no other's.
fn inherited(socket: &TcpListener) -> i32 {
    let copy = rustix::io::fcntl_dupfd_cloexec(socket, 100).expect("a descriptor is free");
    rustix::io::fcntl_setfd(&copy, FdFlags::empty()).expect("it is open");
    // It ends with this process.
    copy.into_raw_fd()
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
