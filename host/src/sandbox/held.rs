//! What a guest has handles to, when that is its output and error and the directories
//! that it is granted alone.
//!
//! wasmtime tells nobody what stands in a guest's table of handles. But here it
//! can be read off the store's table of resources, as both run in step:
//!
//! - Each handle is to a resource of its own. What makes one puts it into the
//!   store's table and then into the guest's; what drops one takes it out of both.
//!   ([`ResourceTable`] holds one more thing for each pollable of a clock, and
//!   `wasi:http` was not made for this: a guest that ever had one, or used that, is
//!   out of step.)
//! - Both give out the place that was left last, and the next one behind all
//!   others when none is free: the guest's by the component model's canonical ABI.
//!
//! So the handle with the index `n`, counted from 1, is to the resource number
//! `n - 1`. That this holds is also tried out before a guest sleeps, as far as that
//! can be done (`hibernation/handles.rs`).

use std::{collections::HashMap, iter, ptr};

use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::{
    filesystem::Descriptor,
    p2::{DynOutputStream, DynPollable},
};

use super::{log::Output, stdio::Streams};
use crate::{capabilities::Directory, hibernation::varint};

/// What a guest has handles to.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The places of its table by their indices, which are counted from 1.
    pub(super) places: Vec<Place>,
    /// How many places the table has, free ones too: it never gets shorter.
    pub(super) table_len: usize,
    /// Whether its table may have other free places than is known here.
    pub(super) is_out_of_step: bool,
}

impl Held {
    /// Whether the table is as it was when the host had given a fresh guest these
    /// handles, and nothing else can be told from it: it has no free places.
    pub(super) fn is_as_given(&self, given: &[u8]) -> bool {
        !self.is_out_of_step
            && self.table_len == self.places.len()
            && !self.places.contains(&Place::Free)
            && encode(&self.places) == given
    }
}

/// What a place in a guest's table of handles has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing.
    Free,
    /// A stream.
    Stream(Output),
    /// A pollable of the stream that has this index.
    Pollable(u32),
    /// The directory that is granted, of this number.
    Directory(u32),
}

/// The places of a guest's table by their indices, which are counted from 1. None:
/// there is something else in it.
pub(super) fn places(
    table: &mut ResourceTable,
    streams: &Streams,
    directories: &[Directory],
) -> Option<Vec<Place>> {
    let count = table.iter_mut().count();
    let mut places = vec![Place::Free; count + free(table)];
    let mut pollables = HashMap::new();
    for (number, output) in streams.open() {
        *places.get_mut(number as usize)? = Place::Stream(output);
        let stream = Resource::<DynOutputStream>::new_borrow(number);
        for child in table.iter_children(&stream).ok()? {
            pollables.insert(ptr::from_ref(child.downcast_ref::<DynPollable>()?), number + 1);
        }
    }
    for (number, place) in (0..).zip(&mut places) {
        let pollable = table.get(&Resource::<DynPollable>::new_borrow(number));
        if let Some(stream) = pollable.ok().and_then(|it| pollables.get(&ptr::from_ref(it))) {
            *place = Place::Pollable(*stream);
        }
        let descriptor = table.get(&Resource::<Descriptor>::new_borrow(number));
        if let Ok(Descriptor::Dir(dir)) = descriptor
            && let Some(directory) = (0..).zip(directories).find(|(_, granted)| granted.is(dir))
        {
            *place = Place::Directory(directory.0);
        }
    }
    (places.iter().filter(|place| **place != Place::Free).count() == count).then_some(places)
}

/// How many places of a table are free: it fills them before it grows.
pub(super) fn free(table: &mut ResourceTable) -> usize {
    let max = table.max_capacity();
    table.set_max_capacity(0);
    let fillers: Vec<_> = iter::from_fn(|| table.push(()).ok()).collect();
    table.set_max_capacity(max);
    let count = fillers.len();
    // The last one first: then they are given out in the same order again.
    for filler in fillers.into_iter().rev() {
        // It was pushed just now, and has no children.
        let _ = table.delete(filler);
    }
    count
}

const FREE: u64 = 0;
const STDOUT: u64 = 1;
const STDERR: u64 = 2;
/// Pollables, by the indices of their streams, and directories, by their numbers, in
/// turns.
const POLLABLE: u64 = 3;
const DIRECTORY: u64 = 4;

/// The places as bytes. Free ones behind all others are left out.
pub(super) fn encode(places: &[Place]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let last = places.iter().rposition(|place| *place != Place::Free);
    for place in last.map_or(&[][..], |last| &places[..=last]) {
        let number = match place {
            Place::Free => FREE,
            Place::Stream(Output::Stdout) => STDOUT,
            Place::Stream(Output::Stderr) => STDERR,
            Place::Pollable(stream) => POLLABLE + 2 * u64::from(*stream),
            Place::Directory(number) => DIRECTORY + 2 * u64::from(*number),
        };
        varint::put(&mut bytes, number);
    }
    bytes
}

/// The places that bytes stand for. None: these stand for none.
pub(super) fn decode(mut bytes: &[u8]) -> Option<Vec<Place>> {
    let mut places = Vec::new();
    while !bytes.is_empty() {
        places.push(match varint::take(&mut bytes)? {
            FREE => Place::Free,
            STDOUT => Place::Stream(Output::Stdout),
            STDERR => Place::Stream(Output::Stderr),
            directory if directory % 2 == DIRECTORY % 2 => {
                Place::Directory(u32::try_from((directory - DIRECTORY) / 2).ok()?)
            }
            pollable => Place::Pollable(u32::try_from((pollable - POLLABLE) / 2).ok()?),
        });
    }
    let is_stream = |index: u32| {
        let place = index.checked_sub(1).and_then(|index| places.get(index as usize));
        matches!(place, Some(Place::Stream(_)))
    };
    let all = places.iter().all(|place| match place {
        Place::Pollable(stream) => is_stream(*stream),
        _ => true,
    });
    all.then_some(places)
}
