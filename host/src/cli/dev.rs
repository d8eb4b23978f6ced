//! `wshost dev`: a handler while it is being written.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::{host, options::HostOptions, plugin::Given};
use crate::{
    config::{Configuration, Flags},
    deploy::{Deployments, Project},
};

/// What is of use while a handler is written: who is connected gets the new version
/// by connecting again.
const DEFAULTS: [&str; 2] = ["on_deploy=drain", "drain_ms=0"];
const LOG: &str = "info,guest=debug";

/// Builds a handler and serves it on every path, and again whenever its sources change.
///
/// Cargo builds it, and says what is wrong with it; the version before goes on then.
/// Connections are closed when a new version is there, so that clients come back to it
/// (`on_deploy=drain`, `drain_ms=0`), unless the settings say otherwise. The handler's
/// own log is shown from `debug` on.
///
/// Sources are what is in `src`, `vendor` and `wit`, and the project's .toml and .rs
/// files and Cargo.lock. NAME.toml there is read as beside NAME.wasm.
#[derive(Args)]
pub(super) struct Dev {
    /// The project: where the handler's Cargo.toml is
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    path: PathBuf,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    host: HostOptions,
}

impl Dev {
    pub(super) fn run(self) -> Result<()> {
        let Self { path, given, host: HostOptions(host) } = self;
        let project = Project::open(&path)?;
        let mut sources = given.sources(host)?;
        sources.plugin_files = Some(project.path().to_owned());
        sources.defaults = Flags {
            host: vec![("log", vec![LOG.to_owned()])],
            set: DEFAULTS.map(str::to_owned).into(),
            ..Flags::default()
        };
        host::run(Configuration::read(sources)?, move |loader, sites| {
            Ok(Deployments::of_project(project, loader, sites))
        })
    }
}
