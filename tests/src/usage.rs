//! What a process takes of the machine, as Linux tells it.

use std::{fs, io};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Its own memory, in bytes: pages that are no file's.
    pub anonymous_bytes: u64,
    /// Open files and sockets.
    pub descriptors: usize,
    /// Threads.
    pub threads: usize,
}

impl Usage {
    /// Of the process with this id.
    ///
    /// # Errors
    /// It is not there any more, or somebody else's.
    pub fn of(pid: u32) -> io::Result<Self> {
        let entries =
            |what| Ok::<_, io::Error>(fs::read_dir(format!("/proc/{pid}/{what}"))?.count());
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        Ok(Self {
            anonymous_bytes: anonymous(&rollup)?,
            descriptors: entries("fd")?,
            threads: entries("task")?,
        })
    }
}

/// Of `Anonymous:   1234 kB` in a line, the bytes.
fn anonymous(rollup: &str) -> io::Result<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("no `Anonymous:` in smaps_rollup"))
}
