//! What the operator decides: settings, and what plugins are granted.
//!
//! It comes from the command line, from the environment, and from files, in which each
//! value is known by its line ([`Origin`]). The later wins:
//!
//! 1. the defaults;
//! 2. the top of the configuration file (`--config`), and `[host]` there;
//! 3. `[plugins.NAME]` there;
//! 4. `NAME.toml` beside `NAME.wasm`;
//! 5. the environment (`WSHOST_LISTEN`);
//! 6. the command line.

mod configuration;
mod environment;
mod file;
mod grants;
mod http_host;
mod keys;
mod layers;
mod nearest;
mod origin;
mod print;
#[cfg(test)]
mod reference;
mod reread;
mod settings;
mod values;

pub use configuration::{Configuration, Flags, PluginConfig, Sources, plugin_name};
pub use grants::{Grants, StoreConfig};
pub use http_host::HttpHost;
pub use keys::{HostKeys, Key, Shape, keys};
pub use origin::{ConfigError, Origin};
pub use print::Printing;
pub use settings::{Config, Scope, Setting, SettingError, settings};
pub use values::{Limit, Millis, OnDeploy, RatePolicy, SlowReader};
