//! What a host writes to its standard error.

use std::{
    io::{BufRead, BufReader, Read},
    thread,
};

use tokio::sync::watch;

use crate::patiently;

/// The lines of a host's log, read as they come by a thread of their own.
#[derive(Clone, Debug)]
pub struct Log {
    lines: watch::Receiver<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    all: Vec<String>,
    ended: bool,
}

/// How many lines a failed test shows.
const SHOWN: usize = 40;

impl Log {
    pub(crate) fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, lines) = watch::channel(Lines::default());
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while let Ok(1..) = reader.read_until(b'\n', &mut line) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                sender.send_modify(|lines| lines.all.push(text));
                line.clear();
            }
            sender.send_modify(|lines| lines.ended = true);
        });
        Self { lines }
    }

    /// Waits for a line, which may have come already.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn line(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.find("a line", wanted).await
    }

    async fn find(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut lines = self.lines.clone();
        let mut seen = 0;
        let mut found = None;
        let looked = lines.wait_for(|lines| {
            found = lines.all[seen..].iter().find(|line| wanted(line)).cloned();
            seen = lines.all.len();
            found.is_some() || lines.ended
        });
        let looked = tokio::time::timeout(crate::PATIENCE, looked).await.is_ok();
        found.unwrap_or_else(|| {
            let why = if looked { "the log ended" } else { "it does not come" };
            panic!("{what} is missing in the log ({why}):\n{}", self.tail())
        })
    }

    /// Waits for a line that contains each of these.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn line_with(&self, parts: &[&str]) -> String {
        let wanted = |line: &str| parts.iter().all(|part| line.contains(part));
        self.find(&format!("a line with {parts:?}"), wanted).await
    }

    /// Waits until there are so many lines that contain each of these.
    ///
    /// # Panics
    /// If they do not come.
    pub async fn lines_reach(&self, count: usize, parts: &[&str]) {
        let mut lines = self.lines.clone();
        let has = |line: &&String| parts.iter().all(|part| line.contains(part));
        let reached = lines.wait_for(|lines| lines.all.iter().filter(has).count() >= count);
        let reached = patiently("lines of the log", reached).await;
        assert!(reached.is_ok(), "the log ended:\n{}", self.tail());
    }

    /// The lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.borrow().all.clone()
    }

    /// The lines so far that contain each of these.
    pub fn lines_with(&self, parts: &[&str]) -> Vec<String> {
        let mut lines = self.lines();
        lines.retain(|line| parts.iter().all(|part| line.contains(part)));
        lines
    }

    /// Waits until the process has closed its standard error.
    pub(crate) async fn end(&self) {
        let mut lines = self.lines.clone();
        // Fails only when the thread has ended, after the last line.
        let _ = patiently("the end of the log", lines.wait_for(|lines| lines.ended)).await;
    }

    fn tail(&self) -> String {
        let lines = self.lines();
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    }
}

/// The connection that a line is about.
///
/// # Panics
/// If it names none.
pub fn connection_in(line: &str) -> String {
    let id = line.split("connection=").nth(1).and_then(|rest| rest.split_whitespace().next());
    id.unwrap_or_else(|| panic!("no connection is named in: {line}")).to_owned()
}
