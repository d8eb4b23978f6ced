//! Files as they are in the world: links, odd names, many, and a directory that is not
//! one host's alone.

use std::{fs, os::unix::fs::symlink};

use tempfile::TempDir;
use wshost_tests::{Mode, Signal};

use crate::{Plugins, deployed, digest, next_version, nth_version, open, version};

/// Plugins whose compiled code is looked for.
const MANY: u8 = 8;

#[tokio::test]
async fn a_link_is_followed_and_deployed_by_being_changed() {
    let (plugins, elsewhere) = (Plugins::new(), TempDir::new().unwrap());
    for (name, version) in [("1", version("scripted")), ("2", next_version("scripted"))] {
        fs::write(elsewhere.path().join(name), version).unwrap();
    }
    symlink(elsewhere.path().join("1"), plugins.file("scripted.wasm")).unwrap();
    symlink(elsewhere.path().join("none"), plugins.file("dangling.wasm")).unwrap();
    symlink(plugins.file("round.wasm"), plugins.file("round.wasm")).unwrap();
    let host = plugins.host().start().await;
    host.log().line_with(&["ERROR", "not deployed", "plugin=round"]).await;
    let mut client = open(Mode::HTTP1, &host, "/scripted").await;
    assert_eq!(client.ask("count").await, "count 1");
    symlink(elsewhere.path().join("2"), plugins.file(".new")).unwrap();
    fs::rename(plugins.file(".new"), plugins.file("scripted.wasm")).unwrap();
    let second = digest(&next_version("scripted"));
    host.log().line_with(&["plugin deployed", &second]).await;
    assert_eq!(client.ask("count").await, "count 2");
}

#[tokio::test]
async fn a_name_that_is_no_path_needs_routes() {
    let plugins = Plugins::new();
    plugins.put("café au lait.wasm", version("echo"));
    plugins.put("a?b.toml", "routes = [\"/ab\"]");
    plugins.put("a?b.wasm", version("echo"));
    let host = plugins.host().start().await;
    let line = host.log().line_with(&["ERROR", "not deployed", "café au lait"]).await;
    assert!(line.contains("`routes`"), "{line}");
    assert_eq!(open(Mode::HTTP1, &host, "/ab").await.ask("here").await, "here");
}

#[tokio::test]
async fn a_directory_may_be_that_of_several_hosts() {
    let plugins = Plugins::new();
    plugins.put("scripted.wasm", version("scripted"));
    let hosts = [plugins.host().start().await, plugins.host().start().await];
    plugins.put("scripted.wasm", next_version("scripted"));
    for host in &hosts {
        deployed(host, 2).await;
        assert_eq!(open(Mode::HTTP1, host, "/scripted").await.ask("count").await, "count 1");
    }
}

#[tokio::test]
async fn a_restart_compiles_nothing() {
    let (plugins, cache) = (Plugins::new(), TempDir::new().unwrap());
    for number in 0..MANY {
        plugins.put(&format!("echo{number}.wasm"), nth_version("echo", number));
    }
    for (compiled, found) in [(u64::from(MANY), 0), (0, u64::from(MANY))] {
        let mut host = plugins.host().cache(cache.path()).start().await;
        assert_eq!(host.metric("wshost_compiles_total", &[]).await, compiled);
        assert_eq!(host.metric("wshost_compile_cache_hits_total", &[]).await, found);
        // Nor does a reload.
        host.signal(Signal::HUP);
        host.log().line_with(&["reloaded", "plugins=8"]).await;
        assert_eq!(host.metric("wshost_compiles_total", &[]).await, compiled);
        host.stop().await;
    }
}
