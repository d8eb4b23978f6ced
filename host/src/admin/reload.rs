//! What a reload did, as JSON: to who asked by HTTP, and to `wshost reload`.

use serde::{Deserialize, Serialize};

use crate::deploy::{Change, Reload, Reloaded};

/// What a reload did.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReloadAnswer {
    /// What changed in the configuration, and stays as it was until a restart.
    pub needs_restart: Vec<String>,
    /// What became of each plugin, in the order of their names.
    pub plugins: Vec<PluginAnswer>,
}

/// What a reload did to one plugin.
#[derive(Debug, Serialize, Deserialize)]
pub struct PluginAnswer {
    /// Its name.
    pub name: String,
    /// What became of it.
    #[serde(flatten)]
    pub result: PluginResult,
}

/// What became of a plugin.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub enum PluginResult {
    /// It is what it was.
    Unchanged,
    /// It is served in a new version.
    Deployed {
        /// The SHA-256 of its file, in hexadecimal digits.
        digest: String,
    },
    /// Its file is gone, and it is served no more.
    Removed,
    /// It can't be served. The version before goes on, if there was one.
    Refused {
        /// Why not.
        error: String,
    },
}

impl From<Reload> for ReloadAnswer {
    fn from(Reload { needs_restart, plugins }: Reload) -> Self {
        let answer = |Reloaded { plugin: name, result }| {
            let result = match result {
                Ok(Change::Unchanged) => PluginResult::Unchanged,
                Ok(Change::Deployed { digest }) => PluginResult::Deployed { digest },
                Ok(Change::Removed) => PluginResult::Removed,
                Err(error) => PluginResult::Refused { error },
            };
            PluginAnswer { name, result }
        };
        Self { needs_restart, plugins: plugins.into_iter().map(answer).collect() }
    }
}
