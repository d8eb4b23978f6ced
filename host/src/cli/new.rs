//! `wshost new`: a project to begin a handler with.

mod name;
mod project;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use self::name::Name;

/// Makes a project for a handler in Rust, which `wshost dev` builds and serves.
///
/// The SDK comes with this program, of the same version, and is put into the
/// project: nothing is fetched. Nothing that is there is written over.
#[derive(Args)]
pub(super) struct New {
    /// The handler's name, and its crate's
    name: String,
    /// The directory to make it in [default: one of the handler's name]
    #[arg(long, value_name = "DIRECTORY")]
    path: Option<PathBuf>,
}

impl New {
    pub(super) fn run(self) -> Result<()> {
        let name = Name::new(&self.name)?;
        let directory = self.path.unwrap_or_else(|| name.package().into());
        let shown = directory.display();
        fs::create_dir_all(&directory).with_context(|| format!("can't make {shown}"))?;
        let mut there = fs::read_dir(&directory).with_context(|| format!("can't read {shown}"))?;
        if there.next().is_some() {
            bail!("{shown} is there, and not empty: name another directory by --path");
        }
        for (file, text) in project::files(&name) {
            let path = directory.join(file);
            let written = path
                .parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| fs::write(&path, text));
            written.with_context(|| format!("can't write {}", path.display()))?;
        }
        println!("made {shown}; to build and serve it: cd {shown} && wshost dev");
        Ok(())
    }
}
