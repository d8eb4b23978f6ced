//! What it costs to put a handler to sleep after every event.
//!
//! ```text
//! cargo run --release -p wshost --example hibernation -- PLUGIN.wasm...
//! ```
//!
//! Prints microseconds, medians over single operations, so that what else runs
//! on the machine shows little; and the bytes of a snapshot. Each plugin gets a
//! request and then text frames.

use std::{path::Path, sync::Arc, time::Instant};

use wshost::{
    config::Configuration,
    hibernation::{Scan, Snapshot},
    key_value::Stores,
    messaging::ConnectionId,
    plugin::{Compiler, Loader},
    sandbox::{
        self, Instance, Phase, Template, sample_request,
        types::{FrameParam, Request},
    },
};

/// Operations of each kind.
const ROUNDS: usize = 2_000;
/// The text of each frame.
const TEXT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[tokio::main(flavor = "current_thread")]
async fn main() -> wasmtime::Result<()> {
    let (configuration, stores) = (Configuration::default(), Stores::default());
    let (engine, compiler) = (sandbox::engine(configuration.host())?, Compiler::in_process());
    let loader = Loader { engine, compiler, configuration, stores, metrics: Arc::default() };
    println!(
        "{:12} {:8} {:>9} {:>6} {:>9} {:>8} {:>6} {:>6}",
        "plugin", "scan", "make+drop", "call", "hibernate", "restore", "event", "bytes"
    );
    for path in std::env::args().skip(1) {
        let plugin = loader.load(Path::new(&path)).await?;
        for scan in [Scan::best(), Scan::Compare] {
            measure(&plugin.template.clone().with_scan(scan), scan).await?;
        }
    }
    Ok(())
}

async fn measure(template: &Template, scan: Scan) -> wasmtime::Result<()> {
    let id = ConnectionId::random();
    let made = median(async || drop(template.instantiate(id).await)).await;
    let mut awake = Some(open(template, id).await?);
    let called = median(async || awake = frame(awake.take()).await).await;
    let slept = median(async || {
        if let Some(awake) = &mut awake {
            drop(awake.hibernate().await);
        }
    })
    .await;

    let mut asleep = Some(open(template, id).await?.hibernate().await?);
    let restored = median(async || {
        if let Some(snapshot) = &asleep {
            drop(wake(template, id, snapshot).await);
        }
    })
    .await;
    let event = median(async || {
        if let Some(snapshot) = asleep.take() {
            let mut instance = frame(wake(template, id, &snapshot).await).await;
            if let Some(instance) = &mut instance {
                asleep = instance.hibernate().await.ok();
            }
        }
    })
    .await;
    let bytes = asleep.map_or(0, |snapshot| snapshot.len_bytes());
    println!(
        "{:12} {scan:8?} {made:9.1} {called:6.1} {slept:9.1} {restored:8.1} {event:6.1} {bytes:6}",
        template.name()
    );
    Ok(())
}

/// Makes an instance, and takes it through its opening.
async fn open(template: &Template, id: ConnectionId) -> wasmtime::Result<Box<Instance>> {
    let id_text = id.to_string();
    let query = Some("name=somebody&room=here");
    let request = Request { query, ..sample_request(&id_text) };
    let mut instance = template.instantiate(id).await?;
    instance.init(request).await?;
    instance.ledger().phase = Phase::Open;
    instance.opened().await?;
    Ok(instance)
}

async fn wake(template: &Template, id: ConnectionId, snapshot: &Snapshot) -> Option<Box<Instance>> {
    template.restore(id, None, snapshot).await.ok()
}

/// Gives an instance a frame.
async fn frame(instance: Option<Box<Instance>>) -> Option<Box<Instance>> {
    let mut instance = instance?;
    instance.ledger().phase = Phase::Open;
    instance.frames(&[FrameParam::Text(TEXT)]).await.ok()?;
    instance.ledger().commit(Instant::now);
    Some(instance)
}

/// The median time of an operation, in microseconds.
async fn median(mut operation: impl AsyncFnMut()) -> f64 {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        operation().await;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times[ROUNDS / 2].as_secs_f64() * 1e6
}
