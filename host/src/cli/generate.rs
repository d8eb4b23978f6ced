//! `wshost generate`: what packages have besides the program. Not for people.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Command, CommandFactory as _, ValueEnum as _};
use clap_complete::Shell;

use super::Arguments;

/// Writes the manual's pages and the completions of every shell, made from what the
/// command line is read by.
#[derive(Args)]
pub(super) struct Generate {
    /// Where to; they go to `man` and `completions` in it
    directory: PathBuf,
}

impl Generate {
    pub(super) fn run(self) -> Result<()> {
        let command = Arguments::command();
        let make = |folder: &str| {
            let folder = self.directory.join(folder);
            fs::create_dir_all(&folder)
                .with_context(|| format!("can't make {}", folder.display()))
                .map(|()| folder)
        };
        let (manual, completions) = (make("man")?, make("completions")?);
        clap_mangen::generate_to(command.clone(), &manual)
            .with_context(|| format!("can't write to {}", manual.display()))?;
        complete(command, &completions)
    }
}

fn complete(mut command: Command, folder: &std::path::Path) -> Result<()> {
    let name = command.get_name().to_owned();
    for shell in Shell::value_variants() {
        clap_complete::generate_to(*shell, &mut command, &name, folder)
            .with_context(|| format!("can't write to {}", folder.display()))?;
    }
    Ok(())
}
