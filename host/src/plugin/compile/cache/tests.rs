use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use super::{super::artifact::compile, *};
use crate::{config::Config, sandbox::engine::unpooled};

fn artifact() -> (Artifact, Key) {
    let engine = unpooled(&Config::default()).unwrap();
    let component = b"\0asm\x0d\0\x01\0";
    let digest = Digest::of(component);
    let key = Key::new(&std::env::current_exe().unwrap(), &engine, digest).unwrap();
    (compile(&engine, component).unwrap(), key)
}

fn other(key: &Key) -> Key {
    Key(key.0.chars().rev().collect())
}

fn cache(max_bytes: u64) -> (TempDir, Cache) {
    let directory = tempfile::tempdir().unwrap();
    let cache = Cache::open(&directory.path().join("made"), max_bytes).unwrap();
    (directory, cache)
}

fn files(cache: &Cache) -> Vec<PathBuf> {
    fs::read_dir(&cache.directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_was_kept_is_found_and_nobody_else_can_read_it() {
    let ((_directory, cache), (artifact, key)) = (cache(u64::MAX), artifact());
    assert!(cache.read(&key).is_none());
    cache.write(&key, &artifact);
    assert_eq!(cache.read(&key).unwrap().code(), artifact.code());
    assert!(cache.read(&other(&key)).is_none());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&cache.directory), 0o700);
    assert_eq!(mode(&cache.path(&key)), 0o600);
}

#[test]
fn a_file_that_is_damaged_is_none_and_is_written_anew() {
    let ((_directory, cache), (artifact, key)) = (cache(u64::MAX), artifact());
    cache.write(&key, &artifact);
    let path = cache.path(&key);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(cache.read(&key).is_none());
    cache.write(&key, &artifact);
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn what_was_not_used_for_longest_goes() {
    let ((_directory, mut cache), (artifact, used)) = (cache(u64::MAX), artifact());
    let (unused, fresh) = (other(&used), Key("fresh".into()));
    for key in [&used, &unused] {
        cache.write(key, &artifact);
        let past = SystemTime::now() - Duration::from_secs(60);
        File::open(cache.path(key)).unwrap().set_modified(past).unwrap();
    }
    cache.read(&used).unwrap();
    fs::write(cache.directory.join("not-ours"), vec![0; 1000]).unwrap();
    cache.max_bytes = 2 * fs::metadata(cache.path(&used)).unwrap().len();
    cache.write(&fresh, &artifact);
    assert!(cache.read(&unused).is_none());
    assert!(cache.read(&used).is_some() && cache.read(&fresh).is_some());
    assert_eq!(files(&cache).len(), 3);
    cache.max_bytes = 0;
    cache.write(&fresh, &artifact);
    assert_eq!(files(&cache), [cache.directory.join("not-ours")]);
}

#[test]
fn a_directory_that_others_can_write_to_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for mode in [0o770, 0o707] {
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
        let error = format!("{:#}", Cache::open(directory.path(), 0).unwrap_err());
        assert!(error.contains("others can write to it"), "{error}");
        assert!(error.contains("--cache"), "{error}");
    }
}
