//! Key-value stores: by name, and without handles, so that who uses one can sleep.
//!
//! A store is in memory or in a file. One that is declared in the configuration
//! may be granted to several plugins; any other name is a store in memory that
//! belongs to the plugin alone.

mod change;
mod file;
mod memory;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use thiserror::Error;

pub use change::{Answer, Change};

use crate::config::{Config, StoreConfig};
use change::Quota;

/// Why a store did not do what it was asked for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// It would become larger than this setting allows.
    #[error("{0}")]
    Limit(Arc<str>),
    /// The value is not of the form that this needs.
    #[error("{0}")]
    Invalid(String),
    /// It failed.
    #[error("{0}")]
    Unavailable(String),
}

/// A declared store's file can't be used.
#[derive(Debug, Error)]
#[error("can't open the key-value store `{name}` in {}: {problem}", path.display())]
pub struct OpenError {
    /// The store.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// Why not, and what to do.
    pub problem: String,
}

/// Which keys are listed, in the order of their bytes.
#[derive(Clone, Debug)]
pub struct Listing {
    /// What they begin with.
    pub prefix: String,
    /// What they come after.
    pub after: Option<String>,
    /// How many there are at most.
    pub limit: usize,
}

/// One store.
#[derive(Debug)]
pub enum Store {
    /// In memory.
    Memory(memory::Memory),
    /// In a file.
    File(file::File),
}

impl Store {
    /// The value of a key.
    ///
    /// # Errors
    /// The store failed.
    pub async fn get(&self, key: String) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Memory(memory) => Ok(memory.get(&key)),
            Self::File(file) => file.get(key).await,
        }
    }

    /// Changes the value of a key, as one step that nobody sees a part of. When it
    /// returns, a store in a file has the change on the disk.
    ///
    /// # Errors
    /// There is no room; the value that is there does not fit; the store failed.
    pub async fn change(&self, key: String, change: Change) -> Result<Answer, StoreError> {
        match self {
            Self::Memory(memory) => memory.change(key, change),
            Self::File(file) => file.change(key, change).await,
        }
    }

    /// Lists keys.
    ///
    /// # Errors
    /// The store failed.
    pub async fn keys(&self, listing: Listing) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Memory(memory) => Ok(memory.keys(&listing)),
            Self::File(file) => file.keys(listing).await,
        }
    }
}

/// Stores that were declared and opened.
#[derive(Debug)]
pub struct Opened(BTreeMap<String, Arc<Store>>);

/// All stores of the host.
#[derive(Debug, Default)]
pub struct Stores {
    declared: Mutex<BTreeMap<String, Arc<Store>>>,
    /// By plugin and name. They outlive the plugin's versions.
    own: Mutex<BTreeMap<(String, String), Arc<Store>>>,
}

impl Stores {
    /// Opens those that are declared.
    ///
    /// # Errors
    /// A file can't be used.
    pub fn open(
        declared: &BTreeMap<String, StoreConfig>,
        config: &Config,
    ) -> Result<Self, OpenError> {
        let stores = Self::default();
        stores.add(stores.open_new(declared, config)?);
        Ok(stores)
    }

    /// Opens those that are declared and not open yet: all of them, or none. They are no
    /// plugin's before they are [added](Self::add).
    ///
    /// # Errors
    /// A file can't be used.
    pub fn open_new(
        &self,
        declared: &BTreeMap<String, StoreConfig>,
        config: &Config,
    ) -> Result<Opened, OpenError> {
        let open = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = BTreeMap::new();
        for (name, StoreConfig { path, max_bytes }) in declared {
            if open.contains_key(name) {
                continue;
            }
            let quota = Quota::declared(name, *max_bytes, config);
            let store = match path {
                None => Store::Memory(memory::Memory::new(quota)),
                Some(path) => Store::File(file::File::open(name, path, quota)?),
            };
            new.insert(name.clone(), Arc::new(store));
        }
        Ok(Opened(new))
    }

    /// Adds those that were opened.
    pub fn add(&self, Opened(new): Opened) {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
    }

    /// Those that are declared, empty and in memory: their files are left alone.
    #[must_use]
    pub fn in_memory(declared: &BTreeMap<String, StoreConfig>, config: &Config) -> Self {
        let in_memory = |(name, store): (&String, &StoreConfig)| {
            let quota = Quota::declared(name, store.max_bytes, config);
            (name.clone(), Arc::new(Store::Memory(memory::Memory::new(quota))))
        };
        Self {
            declared: Mutex::new(declared.iter().map(in_memory).collect()),
            own: Mutex::default(),
        }
    }

    /// The stores that a plugin is granted, by the names it has for them.
    #[must_use]
    pub fn of(
        &self,
        plugin: &str,
        names: &BTreeSet<String>,
        config: &Config,
    ) -> BTreeMap<String, Arc<Store>> {
        let declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let mut store = |name: &String| match declared.get(name) {
            Some(declared) => declared.clone(),
            None => own
                .entry((plugin.to_owned(), name.clone()))
                .or_insert_with(|| Arc::new(Store::Memory(memory::Memory::new(Quota::own(config)))))
                .clone(),
        };
        names.iter().map(|name| (name.clone(), store(name))).collect()
    }
}

#[cfg(test)]
mod tests;
