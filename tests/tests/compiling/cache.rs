//! Compiled code that is kept: once made it is found, and nothing is run that is
//! not what was made.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use wshost::{
    config::Configuration,
    key_value::Stores,
    observe::metrics::Format,
    plugin::{Cache, Compiler, Loader},
    sandbox,
};
use wshost_tests::{Host, Mode, guest, program, run_to_end};

/// The files of compiled code in a cache.
fn files(cache: &Path) -> Vec<PathBuf> {
    fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// A host that serves echo, and whether it compiled it.
async fn compiles(cache: &Path) -> bool {
    let host = Host::of("echo").set("instances_max=10").cache(cache).start().await;
    let mut client = Mode::HTTP1.ask(&host).open().await;
    assert_eq!(client.ask("hello").await, "hello");
    host.metric("wshost_compiles_total", &[]).await > 0
}

#[tokio::test]
async fn what_was_compiled_is_found() {
    let cache = tempfile::tempdir().unwrap();
    assert!(compiles(cache.path()).await);
    assert_eq!(files(cache.path()).len(), 1);
    assert!(!compiles(cache.path()).await);
}

#[tokio::test]
async fn what_was_damaged_is_compiled_again() {
    let cache = tempfile::tempdir().unwrap();
    assert!(compiles(cache.path()).await);
    let file = files(cache.path()).remove(0);
    let mut whole = fs::read(&file).unwrap();
    for len in [0, 10, whole.len() - 1] {
        fs::write(&file, &whole[..len]).unwrap();
        assert!(compiles(cache.path()).await);
    }
    let middle = whole.len() / 2;
    whole[middle] ^= 1;
    fs::write(&file, &whole).unwrap();
    assert!(compiles(cache.path()).await);
    assert!(!compiles(cache.path()).await);
}

#[tokio::test]
async fn a_directory_that_others_can_write_to_is_refused() {
    let cache = tempfile::tempdir().unwrap();
    fs::set_permissions(cache.path(), Permissions::from_mode(0o777)).unwrap();
    let (cache, echo) = (cache.path().to_str().unwrap(), guest("echo"));
    let finished = run_to_end(&["check", echo.to_str().unwrap(), "--cache", cache]).await;
    let line = finished.only_line();
    assert!(line.contains(cache) && line.contains("others can write to it"), "{line}");
}

#[tokio::test]
async fn a_hit_needs_no_compiler() {
    let directory = tempfile::tempdir().unwrap();
    let configuration = Configuration::of(&["instances_max=10"]).unwrap();
    let loader = || {
        let cache = Cache::open(directory.path(), u64::MAX).unwrap();
        Loader {
            engine: sandbox::engine(configuration.host()).unwrap(),
            compiler: Compiler::in_worker(&program(), configuration.host()).with_cache(Some(cache)),
            configuration: configuration.clone(),
            stores: Stores::default(),
            metrics: Arc::default(),
        }
    };
    for (compiles, hits) in [(1, 0), (0, 1)] {
        let loader = loader();
        loader.load(&guest("echo")).await.unwrap();
        let counted = loader.metrics.text(Format::OpenMetrics).unwrap();
        for line in [
            format!("wshost_compiles_total {compiles}\n"),
            format!("wshost_compile_cache_hits_total {hits}\n"),
        ] {
            assert!(counted.contains(&line), "{line} is missing in: {counted}");
        }
    }
}
