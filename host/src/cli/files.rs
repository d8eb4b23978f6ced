//! How many files this process may have open: each socket is one.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::config::Config;

/// What the host has open beside its clients' sockets: its threads, its log, the
/// compiler's cache, and what handlers open.
const FILES_ELSEWHERE: u64 = 256;

/// Raises the limit to what the system allows, and returns how many sockets that
/// leaves room for. Said where the settings ask for more.
pub(super) fn sockets_max(config: &Config) -> usize {
    let files = raise();
    // Of few files, half: the host needs some of them.
    let sockets = files.saturating_sub(FILES_ELSEWHERE).max(files / 2).max(1);
    tracing::info!(open_files = files, "room for {sockets} sockets");
    if let Some(wanted) = config.connections_max.value().filter(|wanted| *wanted > sockets) {
        tracing::warn!(
            "connections_max={wanted} is more than the {sockets} sockets that open files leave room \
             for: lower it, or raise the hard limit (`ulimit -Hn`, systemd's LimitNOFILE)"
        );
    }
    usize::try_from(sockets).unwrap_or(usize::MAX)
}

/// The soft limit, raised to the hard one.
fn raise() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    let soft = limit.current;
    limit.current = limit.maximum;
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.current,
        Err(error) => {
            tracing::warn!("can't raise the limit on open files: {error}");
            soft
        }
    }
    .unwrap_or(u64::MAX / 2)
}
