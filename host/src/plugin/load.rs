//! Reads, checks and compiles a plugin.

use std::{fmt::Write as _, path::Path, sync::Arc};

use sha2::{Digest as _, Sha256};
use wasmtime::{Engine, component::Component};

use super::{
    check,
    error::{LoadError, Problem},
};
use crate::{
    config::Config,
    hibernation::{self, Baseline, Rewritten, Unfit},
    messaging::ConnectionId,
    sandbox::{Template, engine::unpooled, limits::Limits},
};

/// A plugin that connections can be served by.
#[derive(Clone)]
pub struct Plugin {
    /// Its name: the file's, without `.wasm`.
    pub name: Arc<str>,
    /// SHA-256 of the file, in hexadecimal digits: its version.
    pub digest: String,
    /// What instances are made from.
    pub template: Template,
}

/// Loads a plugin from a file. A first instance is made, so that a plugin that
/// can't start is found now and not by a client.
///
/// # Errors
/// Every way in which the file can be wrong, each with what to do.
pub async fn load(engine: &Engine, path: &Path, config: Arc<Config>) -> Result<Plugin, LoadError> {
    let wrong = |problem| LoadError { path: path.to_owned(), problem };
    let bytes = tokio::fs::read(path).await.map_err(|error| wrong(error.into()))?;
    let name = path.file_stem().map_or_else(Default::default, |stem| stem.to_string_lossy());
    prepare(engine, &name, bytes, config).await.map_err(wrong)
}

async fn prepare(
    engine: &Engine,
    name: &str,
    bytes: Vec<u8>,
    config: Arc<Config>,
) -> Result<Plugin, Problem> {
    check::magic(&bytes)?;
    let version = Sha256::digest(&bytes);
    let (bytes, rewritten) = match hibernation::rewrite(&bytes) {
        Ok(Rewritten { bytes, .. }) => (bytes, Ok(())),
        Err(unfit) => (bytes, Err(unfit)),
    };
    let component = compile(engine.clone(), bytes).await?;
    check::exports(&component)?;
    check::imports(&component, rewritten.is_ok())?;
    let name: Arc<str> = name.into();
    let baseline = match rewritten {
        Ok(()) => baseline(&component, &version, &config)?,
        Err(unfit) => Err(unfit),
    };
    let template = Template::new(name.clone(), &component, baseline, config)
        .map_err(|error| Problem::OtherImport(format!("{error:#}")))?;
    let mut first = template.instantiate(ConnectionId::random()).await.map_err(Problem::Start)?;
    first.check_types().map_err(|error| Problem::OtherType(error.to_string()))?;
    Ok(Plugin { name, digest: hexadecimal(&version), template })
}

/// Takes the image of a fresh instance, if all are alike.
fn baseline(
    component: &Component,
    version: &[u8],
    config: &Config,
) -> Result<Result<Baseline, Unfit>, Problem> {
    let engine = unpooled(config).map_err(|error| Problem::Invalid(format!("{error:#}")))?;
    let id = *version.first_chunk().expect("a SHA-256 has 32 bytes");
    Ok(Baseline::capture(&engine, component, id, Limits::new(config)))
}

/// Compiles off the I/O threads: it takes a while.
async fn compile(engine: Engine, bytes: Vec<u8>) -> Result<Component, Problem> {
    tokio::task::spawn_blocking(move || Component::from_binary(&engine, &bytes))
        .await
        .map_err(|panic| Problem::Invalid(format!("the compiler failed: {panic}")))?
        .map_err(|error| Problem::Invalid(format!("{error:#}")))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
