//! `wshost generate`: what packages have besides the program. Not for people.

use std::{
    fs,
    path::{Path, PathBuf},
};

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
        let command = shown();
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

/// The command line without what is not for people.
fn shown() -> Command {
    let all = Arguments::command();
    let shown = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    Command::new("wshost")
        .version(env!("CARGO_PKG_VERSION"))
        .about(all.get_about().cloned().unwrap_or_default())
        .subcommand_required(true)
        .subcommands(shown.collect::<Vec<_>>())
}

fn complete(mut command: Command, folder: &Path) -> Result<()> {
    let name = command.get_name().to_owned();
    for shell in Shell::value_variants() {
        clap_complete::generate_to(*shell, &mut command, &name, folder)
            .with_context(|| format!("can't write to {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page_and_each_shell_its_completions() {
        let directory = tempfile::tempdir().unwrap();
        Generate { directory: directory.path().to_owned() }.run().unwrap();
        let read = |file: &str| fs::read_to_string(directory.path().join(file)).unwrap();
        for command in shown().get_subcommands() {
            let page = read(&format!("man/wshost-{}.1", command.get_name()));
            assert!(page.contains(".SH SYNOPSIS"), "{page}");
        }
        for file in ["_wshost", "_wshost.ps1", "wshost.bash", "wshost.elv", "wshost.fish"] {
            let script = read(&format!("completions/{file}"));
            assert!(script.contains("connect") && !script.contains("generate"), "{script}");
        }
    }
}
