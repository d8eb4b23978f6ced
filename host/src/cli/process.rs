//! What a process uses, as Linux tells it.

mod cpu_clock;

use std::fs;

use anyhow::{Context as _, Result};

/// A process on this machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    pid: u32,
}

impl Process {
    /// The process of this id.
    pub(super) fn find(pid: u32) -> Result<Self> {
        let process = Self { pid };
        process.cpu_seconds()?;
        Ok(process)
    }

    /// This one.
    pub(super) fn own() -> Self {
        Self { pid: std::process::id() }
    }

    /// The processor time it has used, by all threads it ever had, user and
    /// system together.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let time = cpu_clock::cpu_time(self.pid);
        let time = time.with_context(|| format!("can't tell what process {} uses", self.pid))?;
        Ok(time.as_secs_f64())
    }

    /// Its memory that is resident. Summed over its mappings, for the counter
    /// of `/proc/PID/status` is only roughly right.
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        self.mapped_bytes("Rss")
    }

    /// Its memory that is resident and its alone: no file's, nor shared.
    pub(super) fn anonymous_bytes(&self) -> Result<u64> {
        self.mapped_bytes("Anonymous")
    }

    fn mapped_bytes(&self, kind: &str) -> Result<u64> {
        let rollup = self.read("smaps_rollup")?;
        let line = rollup.lines().find_map(|line| line.strip_prefix(kind)?.strip_prefix(':'));
        let kib = line.and_then(|kib| kib.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        Ok(kib.with_context(|| format!("/proc/{}/smaps_rollup says no {kind}", self.pid))? * 1024)
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.pid);
        fs::read_to_string(&path)
            .with_context(|| format!("can't tell what process {} uses: {path}", self.pid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let own = Process::own();
        assert!(own.cpu_seconds().unwrap() > 0.0);
        assert!(own.resident_bytes().unwrap() > 100_000);
        assert!(own.anonymous_bytes().unwrap() < own.resident_bytes().unwrap());
        for none in [0, u32::MAX] {
            let error = Process::find(none).unwrap_err().to_string();
            assert!(error.contains(&none.to_string()), "{error}");
        }
    }
}
