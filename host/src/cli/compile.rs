//! `wshost compile`: the worker that `run` and `check` start. Not for people.

use anyhow::Result;
use clap::Args;

use crate::{
    config::{Configuration, Flags, Sources},
    plugin,
};

/// Compiles a component from standard input, for the host that started it.
#[derive(Args)]
pub(super) struct Compile {
    /// A setting of the host's
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
}

impl Compile {
    pub(super) fn run(self) -> Result<()> {
        let flags = Flags { set: self.set, ..Flags::default() };
        // The host that starts it has read the environment.
        let sources = Sources { flags, ..Sources::default() };
        plugin::work(Configuration::read(sources)?.host())
    }
}
