//! `wshost config`: what is in force, and whether it can be.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Error, Result};
use clap::{Args, Subcommand};

use super::{host::tls_files, options::HostOptions, serve::DirectoryArguments};
use crate::{
    admin::Token,
    config::{Configuration, Printing, plugin_name},
    deploy::{NoPlugin, default_routes, plugins_in},
    observe,
    server::{
        routes::{Pattern, Routes},
        tls::Tls,
    },
};

/// Shows or checks a configuration, as `wshost serve` would read it.
#[derive(Args)]
pub(super) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Print(Print),
    Check(Check),
}

/// Prints what is in force, as a configuration file in which each value has a comment:
/// where it was given. The values of plugins' variables are left out.
#[derive(Args)]
struct Print {
    #[command(flatten)]
    directory: DirectoryArguments,
    /// Prints what is in force for one plugin alone
    #[arg(long, value_name = "NAME")]
    plugin: Option<String>,
    /// Prints what was not given too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    host: HostOptions,
}

/// Checks all files: the first thing that is wrong in each is told by a line, with
/// status 1.
#[derive(Args)]
struct Check {
    #[command(flatten)]
    directory: DirectoryArguments,
    #[command(flatten)]
    host: HostOptions,
}

impl Config {
    pub(super) fn run(self) -> Result<()> {
        match self.command {
            Command::Print(print) => print.run(),
            Command::Check(check) => check.run(),
        }
    }
}

impl Print {
    fn run(self) -> Result<()> {
        let Self { directory, plugin, all, host } = self;
        let configuration = directory.configuration(host)?;
        let (plugins, alone) = match plugin {
            Some(name) => (vec![file(&configuration, &name)], true),
            None => (files(&configuration)?, false),
        };
        let printed = Printing { all, alone, plugins }.print(&configuration)?;
        print!("{}", printed.trim_start());
        Ok(())
    }
}

impl Check {
    fn run(self) -> Result<()> {
        let configuration = self.directory.configuration(self.host)?;
        let keys = configuration.keys();
        let mut wrong: Vec<Error> = Vec::new();
        wrong.extend(observe::log_filter(&keys.log).err());
        wrong.extend(tls_files(keys).and_then(|files| Tls::new(files).err()));
        wrong.extend(Token::find(keys.admin_token_file.as_deref()).err());
        let (there, mut served) = (there(&configuration)?, Routes::default());
        for wasm in files(&configuration)? {
            match configuration.plugin(&wasm) {
                Err(error) => wrong.push(error.into()),
                Ok(plugin) if there.contains(&wasm) => {
                    wrong.extend(serve(&mut served, &wasm, plugin.routes).err());
                }
                Ok(_) => {}
            }
        }
        for warning in without_plugin(&configuration)? {
            eprintln!("warning: {warning}");
        }
        let Some(last) = wrong.pop() else {
            println!("ok");
            return Ok(());
        };
        for error in wrong {
            eprintln!("wshost: {error:#}");
        }
        Err(last)
    }
}

/// Adds a plugin's routes to those of others, if they don't contradict them.
fn serve(served: &mut Routes<()>, wasm: &Path, own: Option<Vec<Pattern>>) -> Result<()> {
    let name = plugin_name(wasm);
    let mut routes = served.clone();
    for pattern in own.map_or_else(|| default_routes(&name), Ok)? {
        routes.add(&name, &pattern, ())?;
    }
    *served = routes;
    Ok(())
}

/// The file of the plugin of this name, which need not be there.
fn file(configuration: &Configuration, name: &str) -> PathBuf {
    configuration.keys().plugins.join(format!("{name}.wasm"))
}

/// The files of all plugins that something is said of: those that are there, and those
/// that have tables.
fn files(configuration: &Configuration) -> Result<Vec<PathBuf>> {
    let tables = configuration.tables().map(|(name, _)| file(configuration, name));
    let mut files: Vec<PathBuf> = tables.chain(there(configuration)?).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// The plugins in the directory; none where there is no directory, as for `wshost run`.
fn there(configuration: &Configuration) -> Result<Vec<PathBuf>> {
    let directory = &configuration.keys().plugins;
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    plugins_in(directory).with_context(|| format!("can't read {}", directory.display()))
}

/// Tables that are of no effect, if there is a directory of plugins at all.
fn without_plugin(configuration: &Configuration) -> Result<Vec<String>> {
    let (directory, there) = (&configuration.keys().plugins, there(configuration)?);
    let lost = |name: &str| directory.is_dir() && !there.contains(&file(configuration, name));
    let tables = configuration.tables().filter(|(name, _)| lost(name));
    let warning = |(name, origin)| format!("{}", NoPlugin { name, origin, directory });
    Ok(tables.map(warning).collect())
}
