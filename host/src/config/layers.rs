//! Values, and where those that were given were given.

use std::collections::BTreeMap;

use super::{
    file::{Assignment, KeyAssignment},
    keys::HostKeys,
    origin::{ConfigError, Origin},
    settings::Config,
};

/// Settings in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers {
    pub(super) values: Config,
    pub(super) origins: BTreeMap<&'static str, Origin>,
}

impl Layers {
    pub(super) fn add(&mut self, assignments: &[Assignment]) -> Result<(), ConfigError> {
        for Assignment { name, value, origin } in assignments {
            let name = self.values.give(name, value);
            let name = name.map_err(|error| ConfigError::at(origin.clone(), error))?;
            self.origins.insert(name, origin.clone());
        }
        Ok(())
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.values.check().map_err(|error| {
            let origin = error.settings().iter().find_map(|name| self.origins.get(name));
            ConfigError::at(origin.cloned().unwrap_or_else(|| Origin::flag("--set")), error)
        })
    }

    /// Checks what instances are made of: the host's pool has no larger ones.
    pub(super) fn check_room(&self, host: &Self) -> Result<(), ConfigError> {
        for (name, wanted, room) in [
            ("memory_max_bytes", self.values.memory_max_bytes, host.values.memory_max_bytes),
            ("table_elements_max", self.values.table_elements_max, host.values.table_elements_max),
        ] {
            if let Some(origin) = self.origins.get(name).filter(|_| wanted > room) {
                let given = host.origins.get(name);
                let given = given.map_or_else(|| "by default".into(), |at| format!("by {at}"));
                let error = format!(
                    "{name}={wanted} is more than the host has room for, which is {room} {given}: \
                     raise it at the top of the configuration file or by `--set {name}={wanted}`"
                );
                return Err(ConfigError::at(origin.clone(), error));
            }
        }
        Ok(())
    }
}

/// The `[host]` table in force.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyLayers {
    pub(super) values: HostKeys,
    pub(super) origins: BTreeMap<&'static str, Origin>,
}

impl KeyLayers {
    pub(super) fn add(&mut self, assignments: &[KeyAssignment]) -> Result<(), ConfigError> {
        for KeyAssignment { name, given, origin } in assignments {
            let name = self.values.give(name, given);
            let name = name.map_err(|error| ConfigError::at(origin.clone(), error))?;
            self.origins.insert(name, origin.clone());
        }
        Ok(())
    }

    /// Checks what the keys say together.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let HostKeys { tls_cert, tls_key, proxy_protocol, trust_proxy, .. } = &self.values;
        for (name, given, other, needed) in [
            ("tls_cert", tls_cert.is_some(), "tls_key", tls_key.is_some()),
            ("tls_key", tls_key.is_some(), "tls_cert", tls_cert.is_some()),
            ("proxy_protocol", *proxy_protocol, "trust_proxy", !trust_proxy.is_empty()),
        ] {
            if let Some(origin) = self.origins.get(name).filter(|_| given && !needed) {
                let option = other.replace('_', "-");
                let error = format!(
                    "`{name}` is of no use without `{other}`: give that too, in `[host]` or by --{option}"
                );
                return Err(ConfigError::at(origin.clone(), error));
            }
        }
        Ok(())
    }
}
