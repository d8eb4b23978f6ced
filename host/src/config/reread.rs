//! The configuration read again while the host runs.

use std::collections::BTreeMap;

use super::{
    configuration::Configuration,
    keys::keys,
    origin::{ConfigError, Origin},
    settings::{Scope, Setting, settings},
};

/// What the pool of instances was made for, beside the host's own settings.
const POOL: [&str; 2] = ["memory_max_bytes", "table_elements_max"];

impl Configuration {
    /// Reads all sources again. What only a restart can change stays as it is, and is
    /// named.
    ///
    /// # Errors
    /// As [`Configuration::read`].
    pub fn reread(&self) -> Result<(Self, Vec<String>), ConfigError> {
        let mut new = Self::read(self.sources.clone())?;
        let mut kept = new.keep_keys(self);
        kept.extend(new.keep_settings(self));
        kept.extend(new.keep_stores(self));
        Ok((new, kept))
    }

    fn keep_keys(&mut self, old: &Self) -> Vec<String> {
        // A listener has TLS from the start, or never.
        let tls = old.keys().tls_cert.is_some() != self.keys().tls_cert.is_some();
        let mut kept = Vec::new();
        for key in keys().iter().filter(|key| !key.live || (tls && key.name.starts_with("tls_"))) {
            let was = old.keys().get(key.name);
            if was != self.keys().get(key.name) {
                self.keys.values.give(key.name, &was).expect("it is in force");
                keep(&mut self.keys.origins, &old.keys.origins, key.name);
                kept.push(format!("host.{}", key.name));
            }
        }
        kept
    }

    fn keep_settings(&mut self, old: &Self) -> Vec<String> {
        let mut kept = Vec::new();
        for Setting { name, scope, .. } in settings() {
            let was = old.host().get(name);
            let fixed = scope == Scope::Host || POOL.contains(&name);
            if fixed && was != self.host().get(name) {
                self.host.values.give(name, &was).expect("it is in force");
                keep(&mut self.host.origins, &old.host.origins, name);
                kept.push(name.to_owned());
            }
        }
        kept
    }

    /// Stores that are open stay as they are; new ones can be opened.
    fn keep_stores(&mut self, old: &Self) -> Vec<String> {
        let mut kept = Vec::new();
        for (name, was) in &old.stores {
            if self.stores.insert(name.clone(), was.clone()).as_ref() != Some(was) {
                kept.push(format!("stores.{name}"));
            }
        }
        kept
    }
}

type Given = BTreeMap<&'static str, Origin>;

/// What was kept is where it was.
fn keep(origins: &mut Given, old: &Given, name: &'static str) {
    match old.get(name) {
        Some(origin) => origins.insert(name, origin.clone()),
        None => origins.remove(name),
    };
}
