//! A guest's standard output and error: lines in the host's log.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use wasmtime::{
    Result,
    component::{Resource, ResourceTable, ResourceTableError},
};
use wasmtime_wasi::p2::{
    DynOutputStream, OutputStream, Pollable, StreamResult,
    bindings::cli::{stderr, stdout},
};

use super::{
    log::{GuestLog, Output},
    state::State,
};

/// How much a guest may write at once.
const PERMIT_BYTES: usize = 64 * 1024;

impl stdout::Host for State {
    fn get_stdout(&mut self) -> Result<Resource<DynOutputStream>> {
        self.open(Output::Stdout)
    }
}

impl stderr::Host for State {
    fn get_stderr(&mut self) -> Result<Resource<DynOutputStream>> {
        self.open(Output::Stderr)
    }
}

/// The streams that a guest has open, by their numbers in the table of resources.
/// The table owns them: what it drops is gone from here.
#[derive(Default)]
pub(super) struct Streams(BTreeMap<u32, Weak<Target>>);

struct Target {
    output: Output,
    log: Arc<GuestLog>,
}

impl Streams {
    /// Opens one.
    ///
    /// # Errors
    /// The table is full.
    pub(super) fn add(
        &mut self,
        table: &mut ResourceTable,
        output: Output,
        log: Arc<GuestLog>,
    ) -> Result<Resource<DynOutputStream>, ResourceTableError> {
        let target = Arc::new(Target { output, log });
        let open = Arc::downgrade(&target);
        let stream: DynOutputStream = Box::new(Stream(target));
        let stream = table.push(stream)?;
        self.0.insert(stream.rep(), open);
        Ok(stream)
    }

    /// Those that are open: their numbers, and where they go.
    pub(super) fn open(&self) -> impl Iterator<Item = (u32, Output)> {
        self.0.iter().filter_map(|(number, open)| Some((*number, open.upgrade()?.output)))
    }
}

/// One stream: it has no state but where it goes.
struct Stream(Arc<Target>);

#[wasmtime_wasi::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.log.print(self.0.output, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT_BYTES)
    }
}
