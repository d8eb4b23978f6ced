//! What the process takes of the machine, by the names that Prometheus' own client
//! libraries have for it.

use std::{
    fmt, fs,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};
use rustix::{
    param::page_size,
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

/// See the module.
#[derive(Debug)]
pub(super) struct Process {
    started: SystemTime,
}

impl Process {
    /// This process, which has just started.
    pub(super) fn started() -> Self {
        Self { started: SystemTime::now() }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "The processor's time that the process took, in seconds";
        encoder
            .encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&cpu_seconds(), None)?;
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let help = "When the process started, in seconds since 1970";
        encoder
            .encode_descriptor("process_start_time_seconds", help, None, MetricType::Gauge)?
            .encode_gauge(&started.as_secs_f64())?;
        let memory = Memory::now();
        let gauges = [
            ("process_open_fds", "Open files", open_files()),
            ("process_max_fds", "How many files may be open", files_max()),
            ("process_resident_memory_bytes", "Memory in use", memory.resident),
            ("process_virtual_memory_bytes", "Memory that is mapped, in use or not", memory.mapped),
        ];
        for (name, help, value) in gauges {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
        }
        Ok(())
    }
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // 2⁵³ nanoseconds are 104 days: seconds and their parts are added as what they are.
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[derive(Default)]
struct Memory {
    mapped: u64,
    resident: u64,
}

impl Memory {
    /// As proc(5) has it in `statm`: in pages, first all, then those in memory.
    fn now() -> Self {
        let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let mut pages = statm.split(' ').map_while(|pages| pages.parse::<u64>().ok());
        let mut next = || pages.next().unwrap_or(0) * page_size() as u64;
        Self { mapped: next(), resident: next() }
    }
}

/// Linux tells their number as the directory's size since 6.2; before, they have to be
/// counted, one more for the directory itself.
fn open_files() -> u64 {
    const FILES: &str = "/proc/self/fd";
    match fs::metadata(FILES).map_or(0, |files| files.len()) {
        0 => fs::read_dir(FILES).map_or(0, |files| files.count().saturating_sub(1)) as u64,
        count => count,
    }
}

fn files_max() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
