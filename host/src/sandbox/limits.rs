//! The memory and tables that one instance may have.

use wasmtime::{ResourceLimiter, Result};

use crate::config::Config;

/// Counts an instance's memories and tables together, against its limits.
#[derive(Debug)]
pub struct Limits {
    memory_max_bytes: usize,
    memory_bytes: usize,
    table_elements_max: usize,
    table_elements: usize,
    hit: Option<&'static str>,
}

impl Limits {
    /// Nothing used yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            memory_max_bytes: config.memory_max_bytes,
            memory_bytes: 0,
            table_elements_max: config.table_elements_max,
            table_elements: 0,
            hit: None,
        }
    }

    /// What the memories have now, in all.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// The setting that refused growth last, if any did. A guest that can't
    /// grow usually traps: this tells why.
    #[must_use]
    pub fn hit(&self) -> Option<&'static str> {
        self.hit
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, now: usize, wanted: usize, _: Option<usize>) -> Result<bool> {
        let total = self.memory_bytes.saturating_add(wanted.saturating_sub(now));
        let fits = total <= self.memory_max_bytes;
        if fits {
            self.memory_bytes = total;
        } else {
            self.hit = Some("memory_max_bytes");
        }
        Ok(fits)
    }

    fn table_growing(&mut self, now: usize, wanted: usize, _: Option<usize>) -> Result<bool> {
        let total = self.table_elements.saturating_add(wanted.saturating_sub(now));
        let fits = total <= self.table_elements_max;
        if fits {
            self.table_elements = total;
        } else {
            self.hit = Some("table_elements_max");
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
        assert_eq!(limits.hit(), None);
        assert!(!limits.memory_growing(131_072, 196_608, None).unwrap());
        assert_eq!(limits.hit(), Some("memory_max_bytes"));
    }
}
