//! The host's side of `key-value`.

use std::sync::Arc;

use wasmtime::Result;

use super::{
    bindings::wshost::handler::{key_value, types::ErrorResult as Error},
    state::State,
};
use crate::key_value::{Answer, Change, Listing, Store, StoreError};

impl key_value::Host for State {
    async fn get(&mut self, store: String, key: String) -> Result<Result<Option<Vec<u8>>, Error>> {
        let got = match self.store(&store, &key, &[]) {
            Ok(store) => store.get(key).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        Ok(self.noted(got))
    }

    async fn set(
        &mut self,
        store: String,
        key: String,
        value: Vec<u8>,
    ) -> Result<Result<(), Error>> {
        Ok(self.change(store, key, Change::Set(value)).await.map(|_| ()))
    }

    async fn delete(&mut self, store: String, key: String) -> Result<Result<bool, Error>> {
        Ok(self.change(store, key, Change::Delete).await.map(|answer| answer.was))
    }

    async fn set_if(
        &mut self,
        store: String,
        key: String,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
    ) -> Result<Result<bool, Error>> {
        Ok(self
            .change(store, key, Change::SetIf { expected, value })
            .await
            .map(|answer| answer.was))
    }

    async fn increment(
        &mut self,
        store: String,
        key: String,
        delta: i64,
    ) -> Result<Result<i64, Error>> {
        let changed = self.change(store, key, Change::Increment(delta)).await;
        Ok(changed.map(|answer| answer.number))
    }

    async fn list_keys(
        &mut self,
        store: String,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Result<Vec<String>, Error>> {
        let limit = (limit as usize).min(self.tenant.config.keys_listed_max);
        let listed = match self.granted(&store) {
            Ok(_) if limit == 0 => Err(Error::Invalid("a limit is at least 1".to_owned())),
            Ok(store) => store.keys(Listing { prefix, after, limit }).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        Ok(self.noted(listed))
    }
}

impl State {
    async fn change(
        &mut self,
        store: String,
        key: String,
        change: Change,
    ) -> Result<Answer, Error> {
        let value = match &change {
            Change::Set(value) | Change::SetIf { value: Some(value), .. } => &value[..],
            _ => &[],
        };
        let changed = match self.store(&store, &key, value) {
            Ok(store) => store.change(key, change).await.map_err(Error::from),
            Err(error) => Err(error),
        };
        self.noted(changed)
    }

    /// The store of this name, if the key and the value may be put into it.
    fn store(&self, store: &str, key: &str, value: &[u8]) -> Result<Arc<Store>, Error> {
        let store = self.granted(store)?;
        let config = &self.tenant.config;
        if key.is_empty() {
            return Err(Error::Invalid("a key is not empty".to_owned()));
        }
        if key.len() > config.key_max_bytes {
            return Err(Error::Limit("key_max_bytes".to_owned()));
        }
        if value.len() > config.value_max_bytes {
            return Err(Error::Limit("value_max_bytes".to_owned()));
        }
        Ok(store)
    }

    fn granted(&self, store: &str) -> Result<Arc<Store>, Error> {
        self.tenant.capabilities.stores.get(store).cloned().ok_or_else(|| {
            Error::Denied(format!("the key-value store; to grant it: key_value = [{store:?}]"))
        })
    }

    /// Counts what a limit refused.
    fn noted<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
        if let Err(Error::Limit(setting)) = &answer {
            self.tenant.limit(setting);
        }
        answer
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Limit(setting) => Self::Limit(setting.to_string()),
            StoreError::Invalid(how) => Self::Invalid(how),
            StoreError::Unavailable(what) => Self::Unavailable(what),
        }
    }
}
