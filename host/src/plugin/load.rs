//! Reads, checks and compiles a plugin.

use std::{
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::time::timeout;
use wasmtime::Engine;

use super::{
    check,
    compile::{Artifact, Compiled, Compiler, load_code, off_thread},
    digest::Digest,
    error::{LoadError, Problem},
    facts::Facts,
    file,
};
use crate::{
    capabilities::Capabilities,
    config::{Config, Configuration, PluginConfig, plugin_name},
    hibernation::{Baseline, Layout, Unfit},
    key_value::Stores,
    observe::Metrics,
    sandbox::{Template, engine::unpooled, limits::Limits},
    server::routes::Pattern,
    tenant::Tenant,
};

/// A plugin that connections can be served by.
#[derive(Clone)]
pub struct Plugin {
    /// Its name: the file's, without `.wasm`.
    pub name: Arc<str>,
    /// What it may use, and what it did.
    pub tenant: Arc<Tenant>,
    /// What it serves, if its configuration says so.
    pub routes: Option<Vec<Pattern>>,
    /// SHA-256 of the file, in hexadecimal digits: its version.
    pub digest: String,
    /// What it is made of.
    pub facts: Arc<Facts>,
    /// What instances are made from.
    pub template: Template,
}

impl Plugin {
    /// Its name and its digest, as handlers are told it.
    #[must_use]
    pub fn version(&self) -> String {
        format!("{}@{}", self.name, self.digest)
    }
}

/// What a plugin is made of.
pub struct Source {
    /// Its file.
    pub path: PathBuf,
    /// Its name.
    pub name: Arc<str>,
    /// What is in force for it.
    pub config: PluginConfig,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// The file.
    pub(super) bytes: Vec<u8>,
}

/// Loads plugins.
pub struct Loader {
    /// Has room for their instances.
    pub engine: Engine,
    /// Compiles them.
    pub compiler: Compiler,
    /// What they are given.
    pub configuration: Configuration,
    /// The key-value stores that they are granted.
    pub stores: Stores,
    /// Where what they do is counted.
    pub metrics: Arc<Metrics>,
}

impl Loader {
    /// Reads a plugin's file, and what is in force for it.
    ///
    /// # Errors
    /// Files that can't be read, and everything that is wrong in its configuration.
    pub async fn read(&self, path: &Path) -> Result<Source, LoadError> {
        let name: Arc<str> = plugin_name(path).into();
        let wrong = |problem| self.wrong(&name, path, problem);
        let config = self.configuration.plugin(path).map_err(|error| wrong(error.into()))?;
        let (max_bytes, file) = (config.settings.component_max_bytes, path.to_owned());
        let read = off_thread(move || {
            let bytes = file::read(&file, max_bytes)?;
            Ok((Digest::of(&bytes), bytes))
        });
        let (digest, bytes) = read.await.flatten().map_err(wrong)?;
        Ok(Source { path: path.to_owned(), name, config, bytes, digest })
    }

    /// Loads a plugin from a file. A first instance is made, so that a plugin that
    /// can't start is found now and not by a client.
    ///
    /// # Errors
    /// Every way in which the file can be wrong, each with what to do.
    pub async fn load(&self, path: &Path) -> Result<Plugin, LoadError> {
        self.prepare(self.read(path).await?).await
    }

    /// Loads a plugin that was read.
    ///
    /// # Errors
    /// As [`Loader::load`].
    pub async fn prepare(&self, source: Source) -> Result<Plugin, LoadError> {
        let (name, path) = (source.name.clone(), source.path.clone());
        self.plugin(source).await.map_err(|problem| self.wrong(&name, &path, problem))
    }

    /// Not logged as a limit that was hit: the error is told anyway.
    fn wrong(&self, name: &Arc<str>, path: &Path, problem: Problem) -> LoadError {
        if let Some(limit) = problem.limit() {
            self.metrics.by_label(name).limit(limit);
        }
        LoadError { path: path.to_owned(), problem }
    }

    async fn plugin(&self, source: Source) -> Result<Plugin, Problem> {
        let Source { name, config, digest, bytes, .. } = &source;
        check::magic(bytes)?;
        let (name, digest, file_bytes) = (name.clone(), *digest, bytes.len());
        let PluginConfig { settings, routes, history, .. } = config.clone();
        let capabilities = Capabilities::open(&name, config, &self.stores)?;
        let Compiled { artifact, component } =
            self.compiler.compile(&self.engine, &self.metrics, source).await?;
        check::exports(&component)?;
        let compiled = &artifact.facts;
        let imports = check::imports(&component, compiled.rewritten.is_ok(), &name, &capabilities)?;
        let facts = Facts {
            file_bytes,
            code_bytes: artifact.len_bytes(),
            core_modules: compiled.core_modules,
            layout: compiled.rewritten.as_ref().ok().cloned(),
            imports,
        };
        // Not before: its series are for ever.
        let tenant = Tenant::new(name, settings, capabilities, history, &self.metrics);
        let engine = unpooled(self.configuration.host());
        let baseline = baseline(engine, artifact, digest, tenant.config.clone());
        let window_bytes = facts.layout.as_ref().map_or(0, Layout::window_bytes);
        let template = Template::new(tenant.clone(), &component, window_bytes, baseline).await?;
        Ok(Plugin {
            name: tenant.name.clone(),
            routes,
            digest: digest.to_string(),
            tenant,
            facts: Arc::new(facts),
            template,
        })
    }
}

/// Takes the image of a fresh instance, if all are alike. The engine is one for which
/// the code was compiled.
async fn baseline(
    engine: wasmtime::Result<Engine>,
    artifact: Arc<Artifact>,
    version: Digest,
    config: Arc<Config>,
) -> Result<Baseline, Unfit> {
    let layout = artifact.facts.rewritten.clone()?;
    let id = *version.bytes().first_chunk().expect("a SHA-256 has 32 bytes");
    let unreadable = |error| Unfit::Unreadable(format!("{error:#}"));
    let engine = engine.map_err(unreadable)?;
    let (own, mut limits) = (engine.clone(), Limits::new(&config));
    limits.leave_out(layout.window_bytes());
    let captured = off_thread(move || {
        let component = load_code(&own, &artifact).map_err(unreadable)?;
        Baseline::capture(&component, id, layout, limits)
    });
    let wait = Duration::from_millis(config.callback_wait_max_ms);
    let captured = interrupting(&engine, wait, captured).await;
    captured.map_err(|problem| Unfit::Unreadable(problem.to_string()))?
}

/// Waits for what a first instance does elsewhere, which is interrupted if it takes
/// longer. One before it ended by itself, and this one does what that did; should it
/// not, as where the system had no memory for one of them, it traps.
async fn interrupting<T>(engine: &Engine, wait: Duration, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        match timeout(wait, work.as_mut()).await {
            Ok(done) => return done,
            // Again and again: what was late to begin has its time from then.
            Err(_) => engine.increment_epoch(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Grants, messaging::Rules};

    const LOOPS: &str = r#"(component
        (core module $m (func $s (loop (br 0))) (start $s))
        (core instance (instantiate $m)))"#;

    async fn compiled(config: &Config) -> (Engine, Arc<Config>, Arc<Artifact>) {
        let (engine, metrics) = (unpooled(config).unwrap(), Metrics::default());
        let settings = Arc::new(config.clone());
        let (grants, history) = (Grants::default(), Rules::default());
        let config = PluginConfig { settings: settings.clone(), grants, routes: None, history };
        let bytes = wat::parse_str(LOOPS).unwrap();
        let (path, name, digest) = (PathBuf::new(), "test".into(), Digest::of(&bytes));
        let source = Source { path, name, config, digest, bytes };
        let compiled = Compiler::in_process().compile(&engine, &metrics, source).await;
        (engine, settings, compiled.ok().unwrap().artifact)
    }

    fn is_interrupted(unfit: &Unfit) {
        assert!(
            matches!(unfit, Unfit::StartCallsHost(why) if why.contains("interrupt")),
            "{unfit}"
        );
    }

    #[tokio::test]
    async fn a_fresh_instance_that_never_ends_holds_up_no_load() {
        let mut config = Config::default();
        config.set("callback_wait_max_ms=1").unwrap();
        let (engine, config, artifact) = compiled(&config).await;
        let captured = baseline(Ok(engine), artifact, Digest::of(b""), config);
        is_interrupted(&captured.await.unwrap_err());
    }

    #[tokio::test]
    async fn what_begins_late_is_interrupted_too() {
        let config = Config::default();
        let (engine, _, artifact) = compiled(&config).await;
        let layout = artifact.facts.rewritten.clone().unwrap();
        let own = engine.clone();
        let work = off_thread(move || {
            let component = load_code(&own, &artifact).unwrap();
            // Each takes an interrupt of its own, as the second begins after the first.
            (0..2).for_each(|_| {
                let limits = Limits::new(&config);
                let captured = Baseline::capture(&component, [0; 8], layout.clone(), limits);
                is_interrupted(&captured.err().unwrap());
            });
        });
        interrupting(&engine, Duration::from_millis(1), work).await.ok().unwrap();
    }
}
