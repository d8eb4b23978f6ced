use super::*;

fn config(assignments: &[&str]) -> Config {
    let mut config = Config::default();
    for assignment in assignments {
        config.set(assignment).unwrap();
    }
    config
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A store of each kind, of this size.
fn stores(directory: &tempfile::TempDir, max_bytes: u64) -> Vec<Arc<Store>> {
    let declared = |path| StoreConfig { path, max_bytes: Some(max_bytes) };
    let declared = BTreeMap::from([
        ("file".to_owned(), declared(Some(directory.path().join("a.redb")))),
        ("memory".to_owned(), declared(None)),
    ]);
    let stores = Stores::open(&declared, &Config::default()).unwrap();
    stores.of("any", &names(&["file", "memory"]), &Config::default()).into_values().collect()
}

async fn change(store: &Store, key: &str, change: Change) -> Result<Answer, StoreError> {
    store.change(key.to_owned(), change).await
}

fn number(number: i64) -> Answer {
    Answer { was: true, number }
}

async fn set(store: &Store, key: &str, value: &str) -> Result<Answer, StoreError> {
    change(store, key, Change::Set(value.into())).await
}

async fn keys(store: &Store, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
    store.keys(Listing { prefix, after, limit }).await.unwrap()
}

#[tokio::test]
async fn values_are_set_read_and_deleted() {
    let directory = tempfile::tempdir().unwrap();
    for store in stores(&directory, 10_000) {
        assert_eq!(store.get("a".into()).await, Ok(None));
        assert_eq!(set(&store, "a", "1").await, Ok(Answer::was(true)));
        assert_eq!(set(&store, "a", "2").await, Ok(Answer::was(true)));
        assert_eq!(store.get("a".into()).await, Ok(Some(b"2".to_vec())));
        assert_eq!(change(&store, "a", Change::Delete).await, Ok(Answer::was(true)));
        assert_eq!(change(&store, "a", Change::Delete).await, Ok(Answer::was(false)));
        assert_eq!(store.get("a".into()).await, Ok(None));
    }
}

#[tokio::test]
async fn a_value_is_changed_if_it_is_as_expected() {
    let directory = tempfile::tempdir().unwrap();
    let some = |text: &str| Some(text.as_bytes().to_vec());
    for store in stores(&directory, 10_000) {
        for (expected, value, was) in [
            (some("x"), some("1"), false),
            (None, some("1"), true),
            (None, some("2"), false),
            (some("1"), some("2"), true),
            (some("1"), None, false),
            (some("2"), None, true),
            (None, None, true),
        ] {
            let case = format!("{expected:?} {value:?}");
            let set_if = change(&store, "k", Change::SetIf { expected, value }).await;
            assert_eq!(set_if, Ok(Answer::was(was)), "{case}");
        }
        assert_eq!(store.get("k".into()).await, Ok(None));
    }
}

#[tokio::test]
async fn numbers_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    for store in stores(&directory, 10_000) {
        assert_eq!(change(&store, "n", Change::Increment(5)).await, Ok(number(5)));
        assert_eq!(change(&store, "n", Change::Increment(-7)).await, Ok(number(-2)));
        assert_eq!(store.get("n".into()).await, Ok(Some(b"-2".to_vec())));
        let over = change(&store, "n", Change::Increment(i64::MIN)).await;
        assert!(matches!(over, Err(StoreError::Invalid(_))), "{over:?}");
        set(&store, "n", "many").await.unwrap();
        let none = change(&store, "n", Change::Increment(1)).await;
        assert!(matches!(none, Err(StoreError::Invalid(_))), "{none:?}");
    }
}

#[tokio::test]
async fn keys_are_listed_in_order_and_in_parts() {
    let directory = tempfile::tempdir().unwrap();
    for store in stores(&directory, 10_000) {
        for key in ["b/2", "a", "b/1", "b/10", "c", "b"] {
            set(&store, key, "").await.unwrap();
        }
        assert_eq!(keys(&store, "", None, 100).await, ["a", "b", "b/1", "b/10", "b/2", "c"]);
        assert_eq!(keys(&store, "b/", None, 2).await, ["b/1", "b/10"]);
        assert_eq!(keys(&store, "b/", Some("b/10"), 2).await, ["b/2"]);
        assert_eq!(keys(&store, "b/", Some("a"), 9).await, ["b/1", "b/10", "b/2"]);
        assert!(keys(&store, "b/", Some("c"), 9).await.is_empty());
        assert!(keys(&store, "d", None, 9).await.is_empty());
    }
}

#[tokio::test]
async fn a_store_gets_no_larger_than_it_may() {
    let directory = tempfile::tempdir().unwrap();
    for (store, name) in stores(&directory, 300).into_iter().zip(["file", "memory"]) {
        let full = Err(StoreError::Limit(format!("stores.{name}.max_bytes").into()));
        set(&store, "a", "1234567890").await.unwrap();
        set(&store, "b", "1234567890").await.unwrap();
        assert_eq!(set(&store, "c", "").await, full);
        assert_eq!(set(&store, "a", &"x".repeat(40)).await, full);
        set(&store, "a", "").await.unwrap();
        set(&store, "a", "12").await.unwrap();
        change(&store, "b", Change::Delete).await.unwrap();
        set(&store, "c", "").await.unwrap();
    }
}

#[tokio::test]
async fn a_file_is_there_again() {
    let directory = tempfile::tempdir().unwrap();
    let open = || stores(&directory, 300).remove(0);
    let store = open();
    set(&store, "a", "1").await.unwrap();
    set(&store, "b", "").await.unwrap();
    drop(store);
    let store = open();
    assert_eq!(store.get("a".into()).await, Ok(Some(b"1".to_vec())));
    assert!(set(&store, "c", "").await.is_err(), "its size was forgotten");
}

#[tokio::test]
async fn changes_made_together_are_all_made() {
    let directory = tempfile::tempdir().unwrap();
    for store in stores(&directory, 1_000_000) {
        let counted = (0..500).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                change(&store, &format!("{}", n % 7), Change::Increment(1)).await
            })
        });
        for counted in counted.collect::<Vec<_>>() {
            counted.await.unwrap().unwrap();
        }
        let mut total = 0;
        for key in keys(&store, "", None, 100).await {
            let value = store.get(key).await.unwrap().unwrap();
            total += String::from_utf8(value).unwrap().parse::<u32>().unwrap();
        }
        assert_eq!(total, 500);
    }
}

#[tokio::test]
async fn plugins_share_what_is_declared_and_nothing_else() {
    let declared = BTreeMap::from([("board".to_owned(), StoreConfig::default())]);
    let config = config(&["key_value_max_bytes=200"]);
    let stores = Stores::open(&declared, &config).unwrap();
    let both = names(&["board", "own"]);
    let (a, b) = (stores.of("a", &both, &config), stores.of("b", &both, &config));
    set(&a["board"], "k", "a's").await.unwrap();
    set(&a["own"], "k", "a's").await.unwrap();
    assert_eq!(b["board"].get("k".into()).await, Ok(Some(b"a's".to_vec())));
    assert_eq!(b["own"].get("k".into()).await, Ok(None));
    let full = Err(StoreError::Limit("key_value_max_bytes".into()));
    assert_eq!(set(&a["own"], "l", "").await, full);
    // Another version of the plugin finds it again.
    assert_eq!(
        stores.of("a", &both, &config)["own"].get("k".into()).await,
        Ok(Some(b"a's".to_vec()))
    );
    assert!(stores.of("c", &names(&[]), &config).is_empty());
}

#[test]
fn a_file_that_can_not_be_used_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let open = |path: PathBuf| {
        let declared = StoreConfig { path: Some(path), max_bytes: None };
        let declared = BTreeMap::from([("board".to_owned(), declared)]);
        Stores::open(&declared, &Config::default()).map_err(|error| error.to_string())
    };
    let file = directory.path().join("a.redb");
    let first = open(file.clone()).unwrap();
    let error = open(file.clone()).unwrap_err();
    assert!(error.contains("`board`") && error.contains("it is open already"), "{error}");
    drop(first);
    let error = open(directory.path().join("missing/a.redb")).unwrap_err();
    assert!(error.contains("missing/a.redb: "), "{error}");
    let other = directory.path().join("other");
    std::fs::write(&other, "no database").unwrap();
    assert!(open(other).is_err());
}
