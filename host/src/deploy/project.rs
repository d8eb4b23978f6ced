//! The project of a handler that is being written: built by cargo, and again whenever
//! its sources change.

mod build;
mod sources;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tokio::time::Instant;

use self::sources::Sources;
use super::{
    deployer::Deployer,
    reload::{Change, Reloaded},
};
use crate::{config::plugin_name, server::routes::Pattern};

/// See the module.
pub struct Project {
    path: PathBuf,
    /// The plugin's name: until cargo has built it, the directory's.
    plugin: String,
    /// What was built last, or tried to be.
    built: Sources,
    /// What the last look saw.
    seen: Sources,
}

impl Project {
    /// The project in this directory.
    ///
    /// # Errors
    /// There is none, or Rust can't compile handlers here.
    pub fn open(path: &Path) -> Result<Self> {
        let manifest = path.join("Cargo.toml").canonicalize().with_context(|| {
            format!(
                "there is no project in {}: `wshost new NAME` makes one, --path names another",
                path.display()
            )
        })?;
        // As cargo names it.
        let path = manifest.parent().unwrap_or(path).to_owned();
        build::require_target(&path)?;
        let plugin = plugin_name(&path);
        Ok(Self { path, plugin, built: Sources::default(), seen: Sources::default() })
    }

    /// Its directory, without links in its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Builds and serves what is there now.
    pub(super) async fn load(&mut self, deployer: &mut Deployer) {
        self.seen = self.sources().await;
        self.build(deployer).await;
    }

    /// Builds what has changed.
    pub(super) async fn look(&mut self, deployer: &mut Deployer) {
        let now = self.sources().await;
        // Editors write in several steps: what has changed must be at rest.
        let at_rest = now == self.seen;
        self.seen = now;
        if at_rest && self.seen != self.built {
            self.build(deployer).await;
        }
    }

    /// Builds it again, changed or not.
    pub(super) async fn reload(&mut self, deployer: &mut Deployer) -> Reloaded {
        self.seen = self.sources().await;
        self.build(deployer).await
    }

    async fn sources(&self) -> Sources {
        let project = self.path.clone();
        let looked = tokio::task::spawn_blocking(move || Sources::look(&project)).await;
        // It fails only where the host goes down.
        looked.unwrap_or_else(|_| self.built.clone())
    }

    /// Builds what was seen and serves the result. If that fails it is told, and all
    /// stays as it was.
    async fn build(&mut self, deployer: &mut Deployer) -> Reloaded {
        tracing::info!("building {}", self.path.display());
        let begun = Instant::now();
        let built = build::build(&self.path).await;
        // Cargo may have written its lock file.
        self.built = self.seen.clone().with_lock_of(&self.path);
        let deployed = match built {
            Ok(component) => {
                self.plugin = plugin_name(&component);
                deployer.deploy(&component, |_| Ok(vec![Pattern::everything()])).await
            }
            Err(error) => Err(error),
        };
        let seconds = begun.elapsed().as_secs_f64();
        match &deployed {
            Ok(Change::Unchanged) => tracing::info!("built in {seconds:.1} s, and is as it was"),
            Ok(_) => tracing::info!("deployed in {seconds:.1} s; watching for changes"),
            Err(error) => deployer.refused(&self.plugin, error),
        }
        let plugin = self.plugin.clone();
        Reloaded { plugin, result: deployed.map_err(|error| format!("{error:#}")) }
    }
}
