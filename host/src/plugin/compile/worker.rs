//! The worker: a process that compiles one component, and then ends.
//!
//! It reads the component's length (8 bytes, little-endian) and the component,
//! and writes an [`Artifact`](super::Artifact). Its input stays open: at its end
//! there is nobody left to work for. It is bounded in time and memory, and is no
//! sandbox beyond that: it has its user's rights, as the host has.

use std::{
    io::{self, Read, Write as _},
    process, thread,
};

use anyhow::{Context as _, Result};
use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};

use super::artifact::compile;
use crate::{config::Config, sandbox::engine::unpooled};

/// Nicer than the host: beside a busy thread of the host's, one of the worker's
/// gets a tenth of a processor (Linux's weights are 1024 and 110).
const NICE: i32 = 10;

/// Does a worker's work, from standard input to standard output.
///
/// # Errors
/// A component that is not valid; input or output that is gone.
pub fn work(config: &Config) -> Result<()> {
    confine(config).context("can't set the compiler's limits")?;
    let mut input = io::stdin();
    let component = component(&mut input).context("can't read the component")?;
    thread::spawn(move || end_with(input));
    let artifact = compile(&unpooled(config)?, &component)?;
    let mut output = io::BufWriter::new(io::stdout().lock());
    artifact.write(&mut output).context("can't write the code")?;
    output.flush().context("can't write the code")
}

/// Takes the limits upon itself, before it has read anything.
fn confine(config: &Config) -> io::Result<()> {
    // What it may write to, which is what takes memory: address space that is
    // only reserved, as the allocator does for each thread, isn't counted.
    limit(Resource::Data, config.compile_memory_max_bytes)?;
    limit(Resource::Cpu, config.compile_time_max_ms.div_ceil(1000))?;
    // A crash that was provoked should not fill the disk.
    limit(Resource::Core, 0)?;
    nice(NICE)?;
    Ok(())
}

/// Lowers a limit, which may be lower already. Nothing in a worker raises it.
fn limit(resource: Resource, to: u64) -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(resource);
    let current = Some(maximum.map_or(to, |maximum| maximum.min(to)));
    Ok(setrlimit(resource, Rlimit { current, maximum })?)
}

fn component(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut len = [0; 8];
    input.read_exact(&mut len)?;
    let mut component = Vec::new();
    let len = u64::from_le_bytes(len);
    input.take(len).read_to_end(&mut component)?;
    if (component.len() as u64) < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(component)
}

/// Ends the process when its input ends: when the host is done with it, or gone.
fn end_with(mut input: impl Read) {
    let _ = io::copy(&mut input, &mut io::sink());
    process::exit(1)
}
