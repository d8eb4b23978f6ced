//! A host in the process of a test, for targets that look inside the host. They include
//! this file by its path: `wshost_tests` itself does not depend on the host, so that both
//! are compiled at the same time.

use std::{net::SocketAddr, sync::Arc};

use tokio::net::TcpListener;
use wshost::{
    connection::Shared,
    hibernation::{Settings, SnapshotStore},
    plugin::Plugin,
    server::{Common, Edge, Host, Sites, routes::Pattern},
};

/// Serves this plugin on a free port, from a task of the runtime that calls it. Returns
/// what the plugin's connections share.
pub(crate) async fn serve(plugin: Plugin) -> (Arc<Shared>, SocketAddr) {
    let config = plugin.tenant.config.clone();
    let settings = Settings { memory_max_bytes: config.snapshots_max_bytes, spill: None };
    let snapshots = SnapshotStore::new(settings).unwrap();
    let sites = Sites::new(Common::new(&config, snapshots, usize::MAX / 2));
    sites.deploy(plugin, &[Pattern::everything()]).unwrap();
    let shared = sites.current().remove(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let host = Host::new(config, sites, None, Edge::default(), Arc::default(), None);
    tokio::spawn(async move { host.listen(listener).await });
    (shared, address)
}
