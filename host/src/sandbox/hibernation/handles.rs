//! Handles to standard output and error are carried over sleep: guests that print
//! keep them for ever, and some keep pollables of them. So are those to the
//! directories that a guest is granted, which C's library keeps once it has looked
//! for a file. The same indices mean the same again.
//!
//! What the handles are is known from the store's own table ([`held`]). Before a
//! guest sleeps it is tried out: as many streams are opened as there are free
//! places, and one more. They get the free places and the one behind all others,
//! if the two tables are alike; if not, the guest stays awake. Then they are
//! dropped, the highest index first, and the table is as it was.
//!
//! A fresh guest's table is empty. Streams are opened until it is as long as it
//! was; those where a pollable or a directory was are dropped, one by one, and that
//! takes the place; those where nothing was are dropped. Each index is compared.

use wasmtime::{
    Result, Store, StoreContextMut, bail,
    component::{Component, ComponentExportIndex, Instance, Linker, Resource},
};
use wasmtime_wasi::p2::DynOutputStream;

use crate::{
    hibernation::{HANDLES, STREAMS},
    sandbox::{held::Place, log::Output, state::State},
};

/// The functions that a rewritten component with output streams has for this.
#[derive(Clone, Copy, Debug)]
pub(super) struct Functions {
    open: ComponentExportIndex,
    drop: ComponentExportIndex,
    /// None: the component has no pollables, or of more than one version.
    subscribe: Option<ComponentExportIndex>,
    /// None: it has no directories, or of more than one version.
    directory: Option<ComponentExportIndex>,
}

impl Functions {
    /// None: the component has no output streams, or of more than one version.
    pub(super) fn find(component: &Component) -> Option<Self> {
        let handles = component.get_export_index(None, HANDLES)?;
        let find = |name| component.get_export_index(Some(&handles), name);
        Some(Self {
            open: find("open")?,
            drop: find("drop")?,
            subscribe: find("subscribe"),
            directory: find("directory"),
        })
    }
}

/// Makes available what these functions call.
pub(in crate::sandbox) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    type Stream = Resource<DynOutputStream>;
    let mut host = linker.instance(STREAMS)?;
    host.func_wrap("open", |mut store: StoreContextMut<'_, State>, (error,): (bool,)| {
        let output = if error { Output::Stderr } else { Output::Stdout };
        Ok((store.data_mut().open(output)?,))
    })?;
    host.func_wrap("subscribe", |mut store: StoreContextMut<'_, State>, (stream,): (Stream,)| {
        Ok((store.data_mut().subscribe(stream)?,))
    })?;
    host.func_wrap("directory", |mut store: StoreContextMut<'_, State>, (number,): (u32,)| {
        Ok((store.data_mut().open_directory(number as usize)?,))
    })
}

/// A guest's table of handles.
pub(super) struct Table<'a> {
    pub(super) functions: Functions,
    pub(super) guest: Instance,
    pub(super) store: &'a mut Store<State>,
}

impl Table<'_> {
    /// Whether what has these places can be put back, and the table is as long as
    /// they are, and has the same ones free.
    pub(super) async fn is_like(&mut self, places: &[Place]) -> Result<bool> {
        let Functions { subscribe, directory, .. } = self.functions;
        let can_be_put_back = places.iter().all(|place| match place {
            Place::Free | Place::Stream(_) => true,
            Place::Pollable(_) => subscribe.is_some(),
            Place::Directory(_) => directory.is_some(),
        });
        if !can_be_put_back {
            return Ok(false);
        }
        let mut opened = Vec::new();
        for _ in 0..=places.iter().filter(|place| **place == Place::Free).count() {
            opened.push(self.open(Output::Stdout).await?);
        }
        // The lowest is dropped last, and so taken first: the order in which the free
        // places are taken says nothing of what was there.
        opened.sort_unstable();
        for index in opened.iter().rev() {
            self.drop(*index).await?;
        }
        Ok(opened.into_iter().all(|index| {
            let at = index as usize - 1;
            at == places.len() || places.get(at) == Some(&Place::Free)
        }))
    }

    /// Gives a fresh guest these handles.
    pub(super) async fn fill(&mut self, places: &[Place]) -> Result<()> {
        for (index, place) in (1..).zip(places) {
            let output = match place {
                Place::Stream(output) => *output,
                Place::Free | Place::Pollable(_) | Place::Directory(_) => Output::Stdout,
            };
            same(index, self.open(output).await?)?;
        }
        for (index, place) in (1..).zip(places) {
            let function = match place {
                Place::Free | Place::Stream(_) => continue,
                Place::Pollable(stream) => (self.functions.subscribe, *stream),
                Place::Directory(number) => (self.functions.directory, *number),
            };
            self.drop(index).await?;
            same(index, self.make(function).await?)?;
        }
        for (index, place) in (1..).zip(places).collect::<Vec<_>>().into_iter().rev() {
            if *place == Place::Free {
                self.drop(index).await?;
            }
        }
        Ok(())
    }

    async fn open(&mut self, output: Output) -> Result<u32> {
        let open =
            self.guest.get_typed_func::<(bool,), (u32,)>(&mut *self.store, self.functions.open)?;
        let error = matches!(output, Output::Stderr);
        Ok(open.call_async(&mut *self.store, (error,)).await?.0)
    }

    /// Calls a function that makes a handle of a number.
    async fn make(&mut self, function: (Option<ComponentExportIndex>, u32)) -> Result<u32> {
        let (Some(function), number) = function else { bail!("the guest has no such handles") };
        let make = self.guest.get_typed_func::<(u32,), (u32,)>(&mut *self.store, function)?;
        Ok(make.call_async(&mut *self.store, (number,)).await?.0)
    }

    async fn drop(&mut self, index: u32) -> Result<()> {
        let drop =
            self.guest.get_typed_func::<(u32,), ()>(&mut *self.store, self.functions.drop)?;
        drop.call_async(&mut *self.store, (index,)).await
    }
}

fn same(wanted: u32, index: u32) -> Result<()> {
    if wanted != index {
        bail!("the handle with the index {wanted} has {index} in a fresh instance");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
