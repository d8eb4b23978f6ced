//! What the compiler makes of a component, and its bytes: those that come from a
//! worker, and those in the cache.
//!
//! ```text
//! "wshostA1"   8 bytes
//! CRC-32       4 bytes, of all that follows
//! length       4 bytes, of the facts; these numbers are little-endian
//! facts        JSON
//! code         what wasmtime made, to the end
//! ```

use std::io::{self, Write};

use bytes::{Buf as _, Bytes};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use wasmtime::Engine;

use crate::{
    hibernation::{self, Layout, Unfit},
    plugin::facts::core_modules,
    sandbox::template::HANDLER,
};

const MAGIC: &[u8; 8] = b"wshostA1";

/// A component's machine code, and what is known of the component.
#[derive(Debug)]
pub(in crate::plugin) struct Artifact {
    pub(in crate::plugin) facts: CompileFacts,
    code: Bytes,
}

/// What only the component's bytes tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::plugin) struct CompileFacts {
    /// How many core modules it has.
    pub(in crate::plugin) core_modules: usize,
    /// The state of an instance, if the component could be rewritten.
    pub(in crate::plugin) rewritten: Result<Layout, Unfit>,
}

/// The bytes are not those that were written.
#[derive(Debug, Error)]
#[error("it is damaged")]
pub(super) struct Damaged;

/// Rewrites a component, if that can be, and compiles it.
///
/// # Errors
/// What makes it no valid component.
pub(super) fn compile(engine: &Engine, component: &[u8]) -> wasmtime::Result<Artifact> {
    let core_modules = core_modules(component);
    let (code, rewritten) = match hibernation::rewrite(component, HANDLER) {
        Ok(rewritten) => (engine.precompile_component(&rewritten.bytes)?, Ok(rewritten.layout)),
        Err(unfit) => (engine.precompile_component(component)?, Err(unfit)),
    };
    Ok(Artifact { facts: CompileFacts { core_modules, rewritten }, code: code.into() })
}

impl Artifact {
    /// What wasmtime made.
    pub(super) fn code(&self) -> &[u8] {
        &self.code
    }

    /// How long the code is, with its tables.
    pub(in crate::plugin) fn len_bytes(&self) -> usize {
        self.code.len()
    }

    /// Writes it down.
    ///
    /// # Errors
    /// Those of `out`.
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let facts = serde_json::to_vec(&self.facts)?;
        let len = u32::try_from(facts.len()).map_err(io::Error::other)?.to_le_bytes();
        let mut crc = crc32fast::Hasher::new();
        for part in [&len[..], &facts, &self.code] {
            crc.update(part);
        }
        out.write_all(MAGIC)?;
        out.write_all(&crc.finalize().to_le_bytes())?;
        out.write_all(&len)?;
        out.write_all(&facts)?;
        out.write_all(&self.code)?;
        out.flush()
    }

    /// Reads what was written.
    ///
    /// # Errors
    /// [`Damaged`], wherever the damage is.
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self, Damaged> {
        let mut bytes = Bytes::from(bytes);
        let magic = bytes.try_get_u64().map_err(|_| Damaged)?;
        let crc = bytes.try_get_u32_le().map_err(|_| Damaged)?;
        if magic.to_be_bytes() != *MAGIC || crc32fast::hash(&bytes) != crc {
            return Err(Damaged);
        }
        let len = bytes.try_get_u32_le().map_err(|_| Damaged)? as usize;
        let facts = bytes.get(..len).ok_or(Damaged)?;
        let facts = serde_json::from_slice(facts).map_err(|_| Damaged)?;
        bytes.advance(len);
        Ok(Self { facts, code: bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hibernation::Stack;

    fn artifacts() -> [Artifact; 2] {
        let stacks = vec![Stack { memory: 0, pointer: 1, top: 65_536 }];
        let layout = Layout { globals: 3, memories: 1, stacks, batches: true };
        [Ok(layout), Err(Unfit::TableChanged("table.set".into()))].map(|rewritten| Artifact {
            facts: CompileFacts { core_modules: 2, rewritten },
            code: Bytes::from_static(b"code"),
        })
    }

    fn written(artifact: &Artifact) -> Vec<u8> {
        let mut bytes = Vec::new();
        artifact.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        for artifact in artifacts() {
            let read = Artifact::read(written(&artifact)).unwrap();
            assert_eq!(read.facts, artifact.facts);
            assert_eq!(read.code(), b"code");
        }
    }

    #[test]
    fn any_damage_is_found() {
        for artifact in artifacts() {
            let whole = written(&artifact);
            for at in 0..whole.len() {
                assert!(Artifact::read(whole[..at].to_vec()).is_err(), "cut off at {at}");
                let mut damaged = whole.clone();
                damaged[at] ^= 1;
                assert!(Artifact::read(damaged).is_err(), "changed at {at}");
            }
        }
    }
}
