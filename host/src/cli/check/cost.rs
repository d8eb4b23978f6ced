//! What an instance of a plugin costs: time and memory.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::{
    cli::{process::Process, report::Report},
    config::Config,
    hibernation::Snapshot,
    messaging::ConnectionId,
    sandbox::{CallError, Instance, StaysAwake, Template, WarmRoom, sample_request, types::Answer},
};

/// How often an operation is done, for the median.
const ROUNDS: usize = 200;
/// After so long the median is taken of fewer: a plugin may be slow to start.
const ROUNDS_TIME: Duration = Duration::from_secs(1);
/// Instances that are alive together while the memory they take is looked at.
const AWAKE: u32 = 32;

/// Measures an instance: fresh, after `init`, and asleep.
///
/// # Errors
/// No instance can be made, or none that sleeps be woken.
pub(super) async fn measure(
    report: &mut Report,
    template: &Template,
    config: &Config,
) -> Result<()> {
    let mut instance = template.instantiate(ConnectionId::random()).await?;
    let init = init(&mut instance).await;
    report.add("init", init.as_ref().map_or_else(ToString::to_string, Clone::clone));
    report.add("memory_bytes", instance.memory_bytes());
    report.add("memory_max_bytes", config.memory_max_bytes);
    if init.is_ok() {
        // Before the rest: the pool keeps some of the pages that instances wrote.
        if let Some(bytes) = awake_bytes(template, config.instances_max.min(AWAKE)).await? {
            report.add("awake_bytes", bytes);
        }
        asleep(report, template, &mut instance).await?;
    }
    let make = async || template.instantiate(ConnectionId::random()).await.map(drop);
    report.add("make_us", median_us(make).await?);
    Ok(())
}

/// Calls `init`, and says what it did.
async fn init(instance: &mut Instance) -> Result<String, CallError> {
    let id = ConnectionId::random().to_string();
    Ok(match instance.init(sample_request(&id)).await? {
        Answer::Accept(_) => "accepts".to_owned(),
        Answer::Respond(response) => format!("answers {}", response.status),
        Answer::Refuse => "refuses".to_owned(),
    })
}

/// What the process grows by for each instance, in pages that were written: its
/// memories, tables and stack, and what the host keeps of it. None where the
/// system doesn't tell.
async fn awake_bytes(template: &Template, count: u32) -> Result<Option<u64>> {
    let Ok(before) = Process::own().anonymous_bytes() else { return Ok(None) };
    let mut awake = Vec::new();
    for _ in 0..count {
        let mut instance = template.instantiate(ConnectionId::random()).await?;
        init(&mut instance).await?;
        awake.push(instance);
    }
    let after = Process::own().anonymous_bytes()?;
    Ok(Some(after.saturating_sub(before) / u64::from(count)))
}

/// Puts an instance to sleep, and wakes it.
async fn asleep(report: &mut Report, template: &Template, instance: &mut Instance) -> Result<()> {
    let snapshot = match instance.hibernate().await {
        Ok(snapshot) => snapshot,
        Err(StaysAwake::Unfit(_)) => return Ok(()), // was told
        Err(why) => {
            report.add("stays_awake_after_init_because", why.to_string());
            return Ok(());
        }
    };
    let sleep = async || instance.hibernate().await.map(drop);
    report.add("sleep_us", median_us(sleep).await?);
    report.add("wake_us", wake_us(template, &snapshot).await?);
    report.add("snapshot_bytes", snapshot.pack().len_bytes());
    Ok(())
}

/// The median time of waking one from a snapshot, where others have slept before.
async fn wake_us(template: &Template, snapshot: &Snapshot) -> Result<f64> {
    let (id, room) = (ConnectionId::random(), WarmRoom::new(1));
    let mut instance = template.restore(id, None, snapshot).await?;
    let (began, mut times) = (Instant::now(), Vec::with_capacity(ROUNDS));
    while times.is_empty() || (times.len() < ROUNDS && began.elapsed() < ROUNDS_TIME) {
        template.retire(instance, &room).await;
        let start = Instant::now();
        instance = template.restore(id, None, snapshot).await?;
        times.push(start.elapsed());
    }
    Ok(median(times))
}

/// The median time of an operation, in microseconds.
async fn median_us<E>(mut operation: impl AsyncFnMut() -> Result<(), E>) -> Result<f64, E> {
    let (began, mut times) = (Instant::now(), Vec::with_capacity(ROUNDS));
    while times.is_empty() || (times.len() < ROUNDS && began.elapsed() < ROUNDS_TIME) {
        let start = Instant::now();
        operation().await?;
        times.push(start.elapsed());
    }
    Ok(median(times))
}

/// In microseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}
