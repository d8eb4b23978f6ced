//! The memory and tables that one instance may have.

use std::sync::Arc;

use wasmtime::{ResourceLimiter, Result};

use crate::{config::Config, tenant::Tenant};

/// Counts an instance's memories and tables together, against its limits, and its
/// memory against its plugin's.
#[derive(Debug)]
pub struct Limits {
    memory_max_bytes: usize,
    memory_bytes: usize,
    /// Bytes that are not counted, because the host has that much memory of its own there.
    free_bytes: usize,
    table_elements_max: usize,
    table_elements: usize,
    /// Whose total the memory is part of.
    tenant: Option<Arc<Tenant>>,
    last_hit: Option<&'static str>,
}

impl Limits {
    /// Nothing used yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            memory_max_bytes: config.memory_max_bytes,
            memory_bytes: 0,
            free_bytes: 0,
            table_elements_max: config.table_elements_max,
            table_elements: 0,
            tenant: None,
            last_hit: None,
        }
    }

    /// Nothing used yet, of what this plugin's connections have.
    #[must_use]
    pub fn of(tenant: &Arc<Tenant>) -> Self {
        Self { tenant: Some(tenant.clone()), ..Self::new(&tenant.config) }
    }

    /// Counts so many bytes less than there will be: the host's window has them.
    pub fn leave_out(&mut self, window_bytes: usize) {
        self.free_bytes = window_bytes;
    }

    /// What the memories have now, in all.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// The setting that refused growth last, if any did. A guest that can't
    /// grow usually traps: this tells why.
    #[must_use]
    pub fn last_hit(&self) -> Option<&'static str> {
        self.last_hit
    }

    /// Begins to count hits anew: the instance serves another connection.
    pub(super) fn forget_hit(&mut self) {
        self.last_hit = None;
    }

    fn hit(&mut self, setting: &'static str) {
        self.last_hit = Some(setting);
        if let Some(tenant) = &self.tenant {
            tenant.limit(setting);
        }
    }
}

impl Drop for Limits {
    fn drop(&mut self) {
        if let Some(tenant) = &self.tenant {
            tenant.totals.memory.give(self.memory_bytes);
        }
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, now: usize, wanted: usize, max: Option<usize>) -> Result<bool> {
        // The window begins with its last size. A guest's memory that does so too may come
        // before, and the window is counted in its place: the sum is the same.
        let is_free = self.free_bytes > 0 && now == 0;
        if is_free && wanted == self.free_bytes && max == Some(wanted) {
            self.free_bytes = 0;
            return Ok(true);
        }
        let more = wanted.saturating_sub(now);
        let total = self.memory_bytes.saturating_add(more);
        if total > self.memory_max_bytes {
            self.hit("memory_max_bytes");
            return Ok(false);
        }
        if let Some(tenant) = &self.tenant
            && !tenant.totals.memory.add(more)
        {
            let setting = tenant.totals.memory.setting();
            self.hit(setting);
            return Ok(false);
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(&mut self, now: usize, wanted: usize, _: Option<usize>) -> Result<bool> {
        let total = self.table_elements.saturating_add(wanted.saturating_sub(now));
        let fits = total <= self.table_elements_max;
        if fits {
            self.table_elements = total;
        } else {
            self.hit("table_elements_max");
        }
        Ok(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_count_together_and_the_limit_is_named() {
        let mut config = Config::default();
        config.set("memory_max_bytes=200000").unwrap();
        let mut limits = Limits::new(&config);
        assert!(limits.memory_growing(0, 65_536, None).unwrap());
        assert!(limits.memory_growing(0, 65_536, None).unwrap());
        assert!(limits.memory_growing(65_536, 131_072, None).unwrap());
        assert_eq!(limits.last_hit(), None);
        assert!(!limits.memory_growing(131_072, 196_608, None).unwrap());
        assert_eq!(limits.last_hit(), Some("memory_max_bytes"));
    }

    #[test]
    fn the_hosts_own_memory_is_not_counted() {
        let mut config = Config::default();
        config.set("memory_max_bytes=100000").unwrap();
        let mut limits = Limits::new(&config);
        limits.leave_out(65_536);
        assert!(limits.memory_growing(0, 65_536, None).unwrap());
        // A start function that takes all it can is refused before the window is there.
        assert!(limits.memory_growing(65_536, 100_000, None).unwrap());
        assert!(!limits.memory_growing(100_000, 100_001, None).unwrap());
        assert_eq!(limits.last_hit(), Some("memory_max_bytes"));
        assert!(limits.memory_growing(0, 65_536, Some(65_536)).unwrap());
        assert_eq!(limits.memory_bytes(), 100_000);
        assert!(!limits.memory_growing(0, 65_536, Some(65_536)).unwrap());
    }
}
