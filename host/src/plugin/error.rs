//! Why a plugin can't be used.

use std::{io, path::PathBuf, sync::Arc};

use thiserror::Error;

use crate::{
    capabilities::CapabilityError,
    config::ConfigError,
    observe::printable,
    sandbox::{
        CallError,
        template::{HANDLER, TemplateError},
    },
};

/// Imports that a plugin is not granted, and what to do.
#[derive(Debug, Error)]
pub enum NotGranted {
    /// A line of configuration grants them.
    #[error(
        "it imports {}, which plugin `{plugin}` is not granted; to grant it, add `{line}` under \
         [plugins.{plugin}.grants] in the configuration file, or under [grants] in {plugin}.toml",
        list(imports)
    )]
    Grantable {
        /// The interfaces.
        imports: Vec<String>,
        /// The plugin.
        plugin: Arc<str>,
        /// What grants them.
        line: &'static str,
    },
    /// There is no grant for them.
    #[error("it imports {}, which plugins are not granted: sockets are the host's", list(.0))]
    Sockets(Vec<String>),
    /// The host does not have them.
    #[error("it imports {}, which is not granted, as this host does not have it", list(.0))]
    Unknown(Vec<String>),
}

/// A file that can't be used as a plugin: what is wrong, and what to do.
#[derive(Debug, Error)]
#[error("can't load {}: {problem}", path.display())]
pub struct LoadError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a plugin's file.
#[derive(Debug, Error)]
pub enum Problem {
    /// It can't be read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// It is a pipe, a device or a socket.
    #[error("this is no regular file; give the path of one")]
    NoFile,
    /// It is larger than this.
    #[error(
        "the file is larger than component_max_bytes={0}: raise that by --set, or make it smaller, \
         as by `wasm-tools strip`"
    )]
    TooLarge(usize),
    /// It has no WebAssembly in it.
    #[error("this is no WebAssembly; build a component with `cargo build --target wasm32-wasip2`")]
    NotWasm,
    /// It is a core module.
    #[error(
        "this is a core WebAssembly module, not a component; build for wasm32-wasip2, or make a \
         component of it with `wasm-tools component new`"
    )]
    CoreModule,
    /// It does not validate or compile.
    #[error("not a valid component: {0}")]
    Invalid(String),
    /// The compiler can't be started, or is lost.
    #[error("can't run the compiler: {0}")]
    NoCompiler(io::Error),
    /// The compiler crashed.
    #[error("the compiler failed: {0}")]
    Compiler(String),
    /// Compiling it takes more memory than this.
    #[error("to compile it takes more memory than compile_memory_max_bytes={0}")]
    CompileMemory(u64),
    /// Compiling it takes more of a processor's time than this.
    #[error("to compile it takes more of a processor's time than compile_time_max_ms={0}")]
    CompileTime(u64),
    /// Compiling it takes longer than this.
    #[error("to compile it takes longer than compile_wait_max_ms={0}")]
    CompileWait(u64),
    /// Its code is larger than this.
    #[error("its compiled code is larger than code_max_bytes={0}")]
    CodeTooLarge(usize),
    /// It exports no handler.
    #[error("it exports no `{HANDLER}`, which this host calls; it exports {}", list(.0))]
    NoHandler(Vec<String>),
    /// It exports the handler of another version of the contract.
    #[error(
        "it is made for {name}, and this host speaks `{HANDLER}`; build it with the SDK of this version",
        name = shown(.0)
    )]
    OtherVersion(String),
    /// A function of the handler is not there.
    #[error("its `{HANDLER}` has no function `{0}`, which the contract asks for")]
    NoFunction(&'static str),
    /// A function of the handler has another type.
    #[error("its `{HANDLER}` has another type than the contract asks for: {0}")]
    OtherType(String),
    /// It imports what it is not granted.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NotGranted(Vec<NotGranted>),
    /// Its configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What it is granted can't be had.
    #[error(transparent)]
    Capability(#[from] CapabilityError),
    /// It imports what is granted, but by another type.
    #[error("an import does not fit what this host offers: {0}")]
    OtherImport(String),
    /// A first instance of it failed.
    #[error("its start-up {0}")]
    Start(CallError),
}

impl From<TemplateError> for Problem {
    fn from(error: TemplateError) -> Self {
        match error {
            TemplateError::Import(error) => Self::OtherImport(text(&error)),
            TemplateError::Start(error) => Self::Start(error),
            TemplateError::Export(error) => Self::OtherType(text(&error)),
        }
    }
}

impl Problem {
    /// The setting that refused it, if one did.
    #[must_use]
    pub fn limit(&self) -> Option<&'static str> {
        match self {
            Self::TooLarge(_) => Some("component_max_bytes"),
            Self::CompileMemory(_) => Some("compile_memory_max_bytes"),
            Self::CompileTime(_) => Some("compile_time_max_ms"),
            Self::CompileWait(_) => Some("compile_wait_max_ms"),
            Self::CodeTooLarge(_) => Some("code_max_bytes"),
            _ => None,
        }
    }
}

/// How much is shown of what wasmtime says of a component, with names of its own.
const TEXT_MAX_BYTES: usize = 4096;

/// What wasmtime says, with its causes.
pub(super) fn text(error: &wasmtime::Error) -> String {
    printable(&format!("{error:#}"), TEXT_MAX_BYTES).into_owned()
}

/// Names of a component's that an error shows, and of each how much.
const NAMES_MAX: usize = 20;
const NAME_MAX_BYTES: usize = 200;

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let mut shown: Vec<_> = names.iter().take(NAMES_MAX).map(|name| shown(name)).collect();
    if names.len() > NAMES_MAX {
        shown.push(format!("and {} more", names.len() - NAMES_MAX));
    }
    shown.join(", ")
}

fn shown(name: &str) -> String {
    format!("`{}`", printable(name, NAME_MAX_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_decides_neither_how_long_an_error_is_nor_its_lines() {
        let mut names = vec!["x\n".to_owned(); 100_000];
        names[..NAMES_MAX].fill("x\n".repeat(100_000));
        let error = Problem::NotGranted(vec![NotGranted::Unknown(names)]).to_string();
        assert!(error.len() < 10_000 && !error.contains('\n'), "{error}");
        assert!(error.contains("and 99980 more"), "{error}");
    }
}
