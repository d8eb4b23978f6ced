//! The host as a whole: what it has, what it logs, and its reload.

use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Admin, Asked, Problem, ReloadAnswer, Reply};
use crate::{deploy::ReloadError, hibernation::Amount, observe::log_filter};

#[derive(Serialize)]
struct Host {
    version: &'static str,
    uptime_seconds: u64,
    plugins: usize,
    connections: usize,
    instances: Instances,
    snapshots: Snapshots,
}

/// How many more may be awake, and how many connections wait for one.
#[derive(Serialize)]
struct Instances {
    free: usize,
    waited_for: usize,
}

#[derive(Serialize)]
struct Snapshots {
    in_memory: Kept,
    spilled: Kept,
}

#[derive(Serialize)]
struct Kept {
    count: usize,
    bytes: u64,
}

impl From<Amount> for Kept {
    fn from(amount: Amount) -> Self {
        Self { count: amount.snapshots, bytes: amount.bytes }
    }
}

/// What is logged, as in `info,guest=debug`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogLevels {
    filter: String,
}

impl Admin {
    pub(super) fn host(&self) -> Result<Reply, Problem> {
        let common = self.sites.common();
        let (slots, kept) = (common.slots.counts(), common.snapshots.stats());
        Reply::json(&Host {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: self.begun.elapsed().as_secs(),
            plugins: self.sites.current().len(),
            connections: self.sites.hubs().iter().map(|(_, hub)| hub.len()).sum(),
            instances: Instances { free: slots.free, waited_for: slots.waiting },
            snapshots: Snapshots { in_memory: kept.memory.into(), spilled: kept.disk.into() },
        })
    }

    pub(super) fn log_filter(&self) -> Result<Reply, Problem> {
        Reply::json(&LogLevels { filter: self.log.text() })
    }

    pub(super) fn set_log_filter(&self, asked: &Asked) -> Result<Reply, Problem> {
        let LogLevels { filter } = asked.json()?;
        let parsed =
            log_filter(&filter).map_err(|error| Problem::unprocessable(error.to_string()))?;
        self.log.set(parsed);
        tracing::info!(%filter, "what is logged was changed by the admin interface");
        self.log_filter()
    }

    pub(super) async fn reload(&self) -> Result<Reply, Problem> {
        let reloaded = self.reloader.reload().await.map_err(|error| {
            let status = match &error {
                ReloadError::GoingDown => StatusCode::SERVICE_UNAVAILABLE,
                ReloadError::Configuration(_) | ReloadError::Directory(_) => {
                    StatusCode::INTERNAL_SERVER_ERROR
                }
            };
            Problem::new(status, format!("nothing was reloaded: {error}"))
        })?;
        Reply::json(&ReloadAnswer::from(reloaded))
    }
}
