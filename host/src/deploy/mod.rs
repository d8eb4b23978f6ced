//! A directory of plugins, served as it is and as it changes.
//!
//! Files are looked at, not announced: what a directory has is what its files are,
//! however they came there, on whatever file system. A file is loaded once it has
//! been the same for two looks, so that one that is still being copied is left
//! alone; one that is refused is told about once, and looked at again when it
//! changes, or, where others had its routes, when one of those goes.
//!
//! The configuration is read again when somebody asks for it ([`Reloader`]); what it
//! changes for a plugin is deployed as a new version of it.

mod deployer;
mod deployments;
mod directory;
mod project;
mod reload;

pub use deployments::Deployments;
pub use directory::{NoPlugin, default_routes, plugins_in};
pub use project::Project;
pub use reload::{Change, Reload, ReloadError, Reloaded, Reloader, Reloads, reloads};
