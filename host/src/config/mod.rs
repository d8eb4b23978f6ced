//! What the operator decides: settings, and what plugins are granted.
//!
//! It comes from the command line and from files, in which each value is known by
//! its line ([`Origin`]). The later wins:
//!
//! 1. the defaults;
//! 2. the top of the configuration file (`--config`);
//! 3. `[plugins.NAME]` there;
//! 4. `NAME.toml` beside `NAME.wasm`;
//! 5. the command line.

mod configuration;
mod file;
mod grants;
mod http_host;
mod nearest;
mod origin;
#[cfg(test)]
mod reference;
mod settings;
mod values;

pub use configuration::{Configuration, Flags, PluginConfig, plugin_name};
pub use grants::{Grants, StoreConfig};
pub use http_host::HttpHost;
pub use origin::{ConfigError, Origin};
pub use settings::{Config, Scope, Setting, SettingError, settings};
pub use values::{Limit, Millis, OnDeploy, RatePolicy, SlowReader};
