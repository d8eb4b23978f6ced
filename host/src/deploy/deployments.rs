//! The plugins that a host serves, from its start to its end.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use tokio::time::{MissedTickBehavior, interval};

use super::{
    deployer::Deployer,
    directory::{Directory, Listed},
    project::Project,
    reload::{Reload, ReloadError, Reloaded, Reloads},
};
use crate::{
    config::{HostKeys, plugin_name},
    plugin::Loader,
    server::{Sites, routes::Pattern},
};

/// How often a directory is looked at, or a project.
const LOOK: Duration = Duration::from_millis(500);

/// See the module.
pub struct Deployments {
    deployer: Deployer,
    from: From,
}

/// Where the plugins are.
enum From {
    /// All of a directory, as it changes.
    Directory(Directory),
    /// One, on every path.
    File(PathBuf),
    /// One that is being written, on every path.
    Project(Project),
}

impl Deployments {
    /// The plugins in a directory.
    ///
    /// # Errors
    /// It is not there, or can't be read.
    pub fn of_directory(path: &Path, loader: Loader, sites: Arc<Sites>) -> Result<Self> {
        let from = From::Directory(Directory::open(path)?);
        Ok(Self { deployer: Deployer::new(loader, sites), from })
    }

    /// One plugin, on every path.
    #[must_use]
    pub fn of_file(path: PathBuf, loader: Loader, sites: Arc<Sites>) -> Self {
        Self { deployer: Deployer::new(loader, sites), from: From::File(path) }
    }

    /// The handler that is being written in this project, on every path unless it is
    /// given routes.
    #[must_use]
    pub fn of_project(project: Project, loader: Loader, sites: Arc<Sites>) -> Self {
        Self { deployer: Deployer::new(loader, sites), from: From::Project(project) }
    }

    /// Serves what is there now.
    ///
    /// # Errors
    /// The one plugin can't be served. Of a directory or a project what can't is logged.
    pub async fn load(&mut self) -> Result<()> {
        match &mut self.from {
            From::Directory(directory) => {
                directory.load(&mut self.deployer).await;
                directory.warn_of_tables(&self.deployer);
            }
            From::File(path) => {
                tracing::info!("loading {}", path.display());
                self.deployer.deploy(path, |_| Ok(vec![Pattern::everything()])).await?;
            }
            From::Project(project) => project.load(&mut self.deployer).await,
        }
        Ok(())
    }

    /// Serves what comes, and no more what goes, and reloads when it is asked to.
    /// `apply` does what a new configuration says of the host, or all of it is refused.
    pub async fn serve(mut self, mut reloads: Reloads, apply: impl Fn(&HostKeys) -> Result<()>) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let request = tokio::select! {
                request = reloads.next() => request,
                _ = looks.tick() => {
                    match &mut self.from {
                        From::Directory(directory) => directory.look(&mut self.deployer).await,
                        From::File(_) => {}
                        From::Project(project) => project.look(&mut self.deployer).await,
                    }
                    continue;
                }
            };
            let reloaded = self.reload(&apply).await;
            say(&reloaded);
            // Who asked may have gone.
            let _ = request.send(reloaded);
        }
    }

    async fn reload(
        &mut self,
        apply: impl Fn(&HostKeys) -> Result<()>,
    ) -> Result<Reload, ReloadError> {
        // All that can be refused comes first.
        let listed = match &self.from {
            From::Directory(directory) => directory.list().await,
            From::File(_) | From::Project(_) => Ok(Listed::new()),
        };
        let listed = listed.map_err(|error| ReloadError::Directory(format!("{error:#}")))?;
        let needs_restart = self.deployer.reread(apply)?;
        let plugins = match &mut self.from {
            From::Directory(directory) => {
                let plugins = directory.reload(listed, &mut self.deployer).await;
                directory.warn_of_tables(&self.deployer);
                plugins
            }
            From::File(path) => {
                let plugin = plugin_name(path);
                let everything = |_: &str| Ok(vec![Pattern::everything()]);
                let result = self.deployer.deploy(path, everything).await;
                let result = result.map_err(|error| {
                    self.deployer.refused(&plugin, &error);
                    format!("{error:#}")
                });
                vec![Reloaded { plugin, result }]
            }
            From::Project(project) => vec![project.reload(&mut self.deployer).await],
        };
        Ok(Reload { needs_restart, plugins })
    }
}

fn say(reloaded: &Result<Reload, ReloadError>) {
    match reloaded {
        Ok(Reload { needs_restart, plugins }) => {
            if !needs_restart.is_empty() {
                let names = needs_restart.join(", ");
                tracing::warn!("stays as it was, as it needs a restart: {names}");
            }
            tracing::info!(plugins = plugins.len(), "reloaded");
        }
        Err(error) => tracing::error!("not reloaded, all stays as it was: {error}"),
    }
}
