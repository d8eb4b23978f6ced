//! Plugins for hosts in the process of a test; see `serve`.

use std::sync::Arc;

use wshost::{
    config::Configuration,
    key_value::Stores,
    plugin::{Cache, Compiler, Loader, Plugin},
    sandbox,
};
use wshost_tests::{cache, guest};

/// Loads a guest of this repository with these settings. The tests' cache keeps it compiled.
pub(crate) async fn load(name: &str, settings: &[&str]) -> Plugin {
    let configuration = Configuration::of(settings).unwrap();
    let engine = sandbox::engine(configuration.host()).unwrap();
    let kept = Cache::open(&cache(), configuration.host().cache_max_bytes).unwrap();
    let compiler = Compiler::in_process().with_cache(Some(kept));
    let (stores, metrics) = (Stores::default(), Arc::default());
    let loader = Loader { engine, compiler, configuration, stores, metrics };
    loader.load(&guest(name)).await.unwrap()
}
