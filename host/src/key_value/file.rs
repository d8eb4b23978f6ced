//! A store in a file of `redb`'s. What was changed is on the disk when it is
//! answered for.
//!
//! Changes go to a thread, which commits all that have come meanwhile together: so
//! the disk is waited for once for many connections. Reads are done by the
//! runtime's threads for what blocks. No thread that serves connections waits.

use std::{
    fmt::Display,
    ops::Bound,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
};

use redb::{
    Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, Table, TableDefinition,
};
use tokio::sync::{mpsc, oneshot};

use super::{
    Listing, OpenError, StoreError,
    change::{Answer, Change, Quota, Step},
};

const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");
/// What the store's entries take together, under [`BYTES`].
const TOTALS: TableDefinition<'_, &str, u64> = TableDefinition::new("totals");
const BYTES: &str = "bytes";

/// Pages of the file that are kept in memory; `redb`'s default is 1 GiB.
const CACHE_BYTES: usize = 16 * 1024 * 1024;
/// Changes that wait for the thread, and that it commits together. Who comes later
/// waits for room.
const GROUP_MAX: usize = 64;

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// See the module.
#[derive(Debug)]
pub struct File {
    name: Arc<str>,
    database: Arc<Database>,
    changes: mpsc::Sender<Job>,
    writer: Option<JoinHandle<()>>,
}

/// A change that waits.
#[derive(Debug)]
struct Job {
    key: String,
    change: Change,
    reply: oneshot::Sender<Result<Answer>>,
}

impl File {
    /// Opens a file, or makes one, and starts the thread, which ends with the store.
    pub(super) fn open(name: &str, path: &Path, quota: Quota) -> Result<Self, OpenError> {
        let failed =
            |problem: String| OpenError { name: name.to_owned(), path: path.to_owned(), problem };
        let database = Database::builder().set_cache_size(CACHE_BYTES).create(path);
        let database = database.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => failed(
                "it is open already, by another host or store; give each a file of its own"
                    .to_owned(),
            ),
            error => failed(error.to_string()),
        })?;
        make_tables(&database).map_err(|error| failed(error.to_string()))?;
        let (name, database): (Arc<str>, _) = (name.into(), Arc::new(database));
        let (changes, waiting) = mpsc::channel(GROUP_MAX);
        let writer = Writer { name: name.clone(), database: database.clone(), quota, waiting };
        let writer = thread::Builder::new()
            .name("key-value".into())
            .spawn(|| writer.run())
            .map_err(|error| failed(format!("can't start its thread: {error}")))?;
        Ok(Self { name, database, changes, writer: Some(writer) })
    }

    pub(super) async fn get(&self, key: String) -> Result<Option<Vec<u8>>> {
        self.read(move |database| {
            let values = database.begin_read()?.open_table(VALUES)?;
            Ok(values.get(&*key)?.map(|value| value.value().to_vec()))
        })
        .await
    }

    pub(super) async fn keys(&self, listing: Listing) -> Result<Vec<String>> {
        self.read(move |database| {
            let Listing { prefix, after, limit } = &listing;
            let from = match after {
                Some(after) if after >= prefix => Bound::Excluded(&**after),
                _ => Bound::Included(&**prefix),
            };
            let values = database.begin_read()?.open_table(VALUES)?;
            let mut keys = Vec::new();
            for entry in values.range::<&str>((from, Bound::Unbounded))?.take(*limit) {
                let (key, _) = entry?;
                if !key.value().starts_with(prefix) {
                    break;
                }
                keys.push(key.value().to_owned());
            }
            Ok(keys)
        })
        .await
    }

    pub(super) async fn change(&self, key: String, change: Change) -> Result<Answer> {
        let (reply, answer) = oneshot::channel();
        let ended = || unavailable(&self.name, &"its thread has ended");
        self.changes.send(Job { key, change, reply }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> Result<T> {
        let database = self.database.clone();
        let read = tokio::task::spawn_blocking(move || read(&database)).await;
        let read = read.map_err(|panic| unavailable(&self.name, &panic))?;
        read.map_err(|error| unavailable(&self.name, &error))
    }
}

impl Drop for File {
    /// Waits until the thread is done: a file that is not closed has to be repaired
    /// when it is opened again.
    fn drop(&mut self) {
        self.changes = mpsc::channel(1).0;
        if let Some(writer) = self.writer.take() {
            // It said why, if it failed.
            let _ = writer.join();
        }
    }
}

fn make_tables(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(VALUES)?;
    transaction.open_table(TOTALS)?;
    Ok(transaction.commit()?)
}

/// The store failed: the handler is told that, and the log why.
fn unavailable(name: &str, why: &dyn Display) -> StoreError {
    tracing::error!(store = name, "a key-value store failed: {why}");
    StoreError::Unavailable(format!("the key-value store `{name}` failed"))
}

/// What the thread has.
struct Writer {
    name: Arc<str>,
    database: Arc<Database>,
    quota: Quota,
    waiting: mpsc::Receiver<Job>,
}

impl Writer {
    fn run(mut self) {
        let mut jobs = Vec::with_capacity(GROUP_MAX);
        while self.waiting.blocking_recv_many(&mut jobs, GROUP_MAX) > 0 {
            let (changes, replies): (Vec<_>, Vec<_>) =
                jobs.drain(..).map(|Job { key, change, reply }| ((key, change), reply)).unzip();
            let answers = match self.commit(changes) {
                Ok(answers) => answers,
                Err(error) => {
                    let error = unavailable(&self.name, &error);
                    replies.iter().map(|_| Err(error.clone())).collect()
                }
            };
            for (reply, answer) in replies.into_iter().zip(answers) {
                // A handler that was ended meanwhile doesn't wait any more.
                let _ = reply.send(answer);
            }
        }
    }

    /// Makes changes in this order, and waits until they are on the disk. One that
    /// can't be made leaves the others alone.
    fn commit(&self, changes: Vec<(String, Change)>) -> Result<Vec<Result<Answer>>, redb::Error> {
        let transaction = self.database.begin_write()?;
        let mut answers = Vec::with_capacity(changes.len());
        {
            let mut values = transaction.open_table(VALUES)?;
            let mut totals = transaction.open_table(TOTALS)?;
            let mut bytes = totals.get(BYTES)?.map_or(0, |bytes| bytes.value());
            for (key, change) in changes {
                answers.push(self.make(&mut values, &mut bytes, &key, change)?);
            }
            totals.insert(BYTES, bytes)?;
        }
        transaction.commit()?;
        Ok(answers)
    }

    fn make(
        &self,
        values: &mut Table<'_, &str, &[u8]>,
        bytes: &mut u64,
        key: &str,
        change: Change,
    ) -> Result<Result<Answer>, redb::Error> {
        let current = values.get(key)?.map(|value| value.value().to_vec());
        let current = current.as_deref();
        let planned = change.on(current).and_then(|(step, answer)| {
            Ok((self.quota.after(*bytes, key, current, &step)?, step, answer))
        });
        let (after, step, answer) = match planned {
            Ok(planned) => planned,
            Err(error) => return Ok(Err(error)),
        };
        match step {
            Step::Keep => {}
            Step::Put(value) => drop(values.insert(key, &*value)?),
            Step::Remove => drop(values.remove(key)?),
        }
        *bytes = after;
        Ok(Ok(answer))
    }
}
