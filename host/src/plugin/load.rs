//! Reads, checks and compiles a plugin.

use std::{fmt::Write as _, path::Path, sync::Arc};

use sha2::{Digest as _, Sha256};
use wasmtime::{Engine, component::Component};

use super::{
    check,
    error::{LoadError, Problem},
    facts::{Facts, code_bytes, core_modules},
};
use crate::{
    config::Config,
    hibernation::{self, Baseline, Layout, Rewritten, Unfit},
    observe::Metrics,
    sandbox::{Template, engine::unpooled, limits::Limits, template::TemplateError},
    tenant::Tenant,
};

/// A plugin that connections can be served by.
#[derive(Clone)]
pub struct Plugin {
    /// Its name: the file's, without `.wasm`.
    pub name: Arc<str>,
    /// What it may use, and what it did.
    pub tenant: Arc<Tenant>,
    /// SHA-256 of the file, in hexadecimal digits: its version.
    pub digest: String,
    /// What it is made of.
    pub facts: Arc<Facts>,
    /// What instances are made from.
    pub template: Template,
}

/// Loads plugins.
pub struct Loader {
    /// Compiles them, and has room for their instances.
    pub engine: Engine,
    /// Their settings.
    pub config: Arc<Config>,
    /// Where what they do is counted.
    pub metrics: Arc<Metrics>,
}

impl Loader {
    /// Loads a plugin from a file. A first instance is made, so that a plugin that
    /// can't start is found now and not by a client.
    ///
    /// # Errors
    /// Every way in which the file can be wrong, each with what to do.
    pub async fn load(&self, path: &Path) -> Result<Plugin, LoadError> {
        let wrong = |problem| LoadError { path: path.to_owned(), problem };
        let bytes = tokio::fs::read(path).await.map_err(|error| wrong(error.into()))?;
        let name = path.file_stem().map_or_else(Default::default, |stem| stem.to_string_lossy());
        let tenant = Tenant::new((*name).into(), self.config.clone(), &self.metrics);
        prepare(&self.engine, tenant, bytes).await.map_err(wrong)
    }
}

async fn prepare(engine: &Engine, tenant: Arc<Tenant>, bytes: Vec<u8>) -> Result<Plugin, Problem> {
    check::magic(&bytes)?;
    let version: [u8; 32] = Sha256::digest(&bytes).into();
    let (compiler, file_bytes) = (engine.clone(), bytes.len());
    let Compiled { component, core_modules, rewritten } =
        off_thread(move || compile(&compiler, bytes)).await?.map_err(Problem::Invalid)?;
    check::exports(&component)?;
    let facts = Facts {
        file_bytes,
        code_bytes: code_bytes(&component),
        core_modules,
        layout: rewritten.as_ref().ok().cloned(),
        imports: check::imports(&component, rewritten.is_ok())?,
    };
    let baseline = baseline(component.clone(), rewritten, version, tenant.config.clone());
    let template =
        Template::new(tenant.clone(), &component, baseline).await.map_err(|error| match error {
            TemplateError::Import(error) => Problem::OtherImport(format!("{error:#}")),
            TemplateError::Start(error) => Problem::Start(error),
            TemplateError::Export(error) => Problem::OtherType(error.to_string()),
        })?;
    Ok(Plugin {
        name: tenant.name.clone(),
        digest: hexadecimal(&version),
        tenant,
        facts: Arc::new(facts),
        template,
    })
}

/// A component, and whether it could be rewritten.
struct Compiled {
    component: Component,
    core_modules: usize,
    rewritten: Result<Layout, Unfit>,
}

/// Rewrites a component, if that can be, and compiles it.
fn compile(engine: &Engine, bytes: Vec<u8>) -> Result<Compiled, String> {
    let core_modules = core_modules(&bytes);
    let (bytes, rewritten) = match hibernation::rewrite(&bytes) {
        Ok(Rewritten { bytes, layout }) => (bytes, Ok(layout)),
        Err(unfit) => (bytes, Err(unfit)),
    };
    let component = Component::from_binary(engine, &bytes).map_err(|error| format!("{error:#}"))?;
    Ok(Compiled { component, core_modules, rewritten })
}

/// Takes the image of a fresh instance, if all are alike.
async fn baseline(
    component: Component,
    rewritten: Result<Layout, Unfit>,
    version: [u8; 32],
    config: Arc<Config>,
) -> Result<Baseline, Unfit> {
    let layout = rewritten?;
    let id = *version.first_chunk().expect("a SHA-256 has 32 bytes");
    let captured = off_thread(move || {
        let engine = unpooled(&config).map_err(|error| Unfit::Unreadable(format!("{error:#}")))?;
        Baseline::capture(&engine, &component, id, layout, Limits::new(&config))
    });
    captured.await.map_err(|problem| Unfit::Unreadable(problem.to_string()))?
}

/// Works off the I/O threads: it takes a while.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|panic| Problem::Invalid(format!("the compiler failed: {panic}")))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
