//! From a component's bytes to machine code, within limits.
//!
//! A component that is made for it can take the compiler any time and memory.
//! So the host compiles in a process of its own, the worker, which the kernel
//! holds to its share; this process only maps what came out. The code is kept in
//! a directory ([`Cache`]), so that it is made once.

mod artifact;
mod cache;
mod machine_code;
mod process;
mod worker;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use tokio::sync::Semaphore;
use wasmtime::{Engine, component::Component};

pub(super) use self::{artifact::Artifact, machine_code::load_code};
use self::{artifact::compile, cache::Key};
pub use self::{cache::Cache, worker::work};
use super::{
    Source,
    error::{Problem, text},
};
use crate::{config::Config, observe::Metrics};

/// The program that this process runs, even if its file was replaced since.
pub const THIS_PROGRAM: &str = "/proc/self/exe";

/// Compiles components, or finds them compiled.
pub struct Compiler {
    /// None: it compiles in this process.
    worker: Option<Worker>,
    cache: Option<Arc<Cache>>,
    turns: Semaphore,
}

/// What workers are started of.
struct Worker {
    /// `wshost`.
    program: PathBuf,
    /// The host's settings, for which the code is made.
    config: Config,
}

impl Compiler {
    /// Compiles in this process, which no limit protects: for components that are
    /// trusted, and to test.
    #[must_use]
    pub fn in_process() -> Self {
        Self { worker: None, cache: None, turns: Semaphore::new(1) }
    }

    /// Compiles by workers of this program, which must be a `wshost` of this version.
    #[must_use]
    pub fn in_worker(program: &Path, config: &Config) -> Self {
        let turns = Semaphore::new(config.compiles_max);
        let worker = Worker { program: program.to_owned(), config: config.clone() };
        Self { worker: Some(worker), cache: None, turns }
    }

    /// Keeps what was compiled.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<Cache>) -> Self {
        self.cache = cache.map(Arc::new);
        self
    }

    /// Compiles a component for this engine.
    pub(super) async fn compile(
        &self,
        engine: &Engine,
        metrics: &Metrics,
        source: Source,
    ) -> Result<Compiled, Problem> {
        let Source { name, config, digest, bytes: component, .. } = source;
        let config = &config.settings;
        let worker = self.worker.as_ref();
        let program = worker.map_or(Path::new(THIS_PROGRAM), |worker| &worker.program);
        let kept = self.cache.clone().zip(Key::new(program, engine, digest));
        if let Some(found) = find(kept.clone(), engine.clone()).await? {
            metrics.compile_cache_hit();
            tracing::debug!(plugin = %name, "found compiled");
            return found.checked(config);
        }
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await;
        let started = Instant::now();
        let artifact = match &self.worker {
            Some(Worker { program, config }) => {
                process::compile(program, config, &component).await?
            }
            None => {
                let engine = engine.clone();
                off_thread(move || compile(&engine, &component))
                    .await?
                    .map_err(|error| invalid(&error))?
            }
        };
        metrics.compiled(started.elapsed());
        tracing::info!(plugin = %name, took = ?started.elapsed(), "compiled");
        keep(kept, engine.clone(), artifact).await?.checked(config)
    }
}

/// What is in the cache, if it can be used.
async fn find(
    kept: Option<(Arc<Cache>, Key)>,
    engine: Engine,
) -> Result<Option<Compiled>, Problem> {
    let Some((cache, key)) = kept else { return Ok(None) };
    off_thread(move || match load(&engine, cache.read(&key)?) {
        Ok(compiled) => Some(compiled),
        Err(error) => {
            tracing::warn!("can't use compiled code from the cache, compiling again: {error:#}");
            None
        }
    })
    .await
}

/// Makes a component of fresh code, and puts the code into the cache.
async fn keep(
    kept: Option<(Arc<Cache>, Key)>,
    engine: Engine,
    artifact: Artifact,
) -> Result<Compiled, Problem> {
    off_thread(move || {
        let compiled = load(&engine, artifact).map_err(|error| invalid(&error))?;
        if let Some((cache, key)) = kept {
            cache.write(&key, &compiled.artifact);
        }
        Ok(compiled)
    })
    .await?
}

fn load(engine: &Engine, artifact: Artifact) -> wasmtime::Result<Compiled> {
    let component = load_code(engine, &artifact)?;
    Ok(Compiled { artifact: Arc::new(artifact), component })
}

fn invalid(error: &wasmtime::Error) -> Problem {
    Problem::Invalid(text(error))
}

/// A component that was compiled, and what it was made of.
pub(super) struct Compiled {
    pub(super) artifact: Arc<Artifact>,
    pub(super) component: Component,
}

impl Compiled {
    /// What was in the cache may be larger than is allowed now.
    fn checked(self, config: &Config) -> Result<Self, Problem> {
        let max = config.code_max_bytes;
        if self.artifact.len_bytes() > max { Err(Problem::CodeTooLarge(max)) } else { Ok(self) }
    }
}

/// Works off the I/O threads: it takes a while.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|panic| Problem::Compiler(panic.to_string()))
}
