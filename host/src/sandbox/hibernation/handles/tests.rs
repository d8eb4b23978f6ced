//! Guests that open, use and drop handles in every order.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use proptest::prelude::*;
use wasmtime::{
    Engine, Store,
    component::{Component, Instance, InstancePre},
};

use super::{Functions, Table};
use crate::{
    capabilities::{Capabilities, Directory},
    config::Config,
    hibernation::rewrite,
    messaging::ConnectionId,
    sandbox::{
        held::{Place, decode, encode},
        log::Output,
        sources::ProcessSources,
        state::State,
        template::{HANDLER, linker},
    },
    tenant::Tenant,
};

/// A guest whose functions are the host's and `resource.drop`, handles being numbers.
const GUEST: &str = r#"(component
  (import "wasi:io/poll@0.2.6" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:io/streams@0.2.6" (instance $streams
    (export "output-stream" (type $stream (sub resource)))
    (export "input-stream" (type (sub resource)))
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $pollable (eq $outer)))
    (export "[method]output-stream.subscribe"
      (func (param "self" (borrow $stream)) (result (own $pollable))))))
  (alias export $streams "output-stream" (type $stream))
  (alias export $streams "input-stream" (type $input))
  (import "wasi:cli/stdin@0.2.6" (instance $stdin
    (alias outer 1 $input (type $outer))
    (export "input-stream" (type $stream (eq $outer)))
    (export "get-stdin" (func (result (own $stream))))))
  (import "wasi:clocks/monotonic-clock@0.2.6" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $pollable (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
  (import "wasi:cli/stdout@0.2.6" (instance $stdout
    (alias outer 1 $stream (type $outer))
    (export "output-stream" (type $stream (eq $outer)))
    (export "get-stdout" (func (result (own $stream))))))
  (import "wasi:cli/stderr@0.2.6" (instance $stderr
    (alias outer 1 $stream (type $outer))
    (export "output-stream" (type $stream (eq $outer)))
    (export "get-stderr" (func (result (own $stream))))))
  (import "wasi:filesystem/types@0.2.6" (instance $files
    (export "descriptor" (type (sub resource)))))
  (alias export $files "descriptor" (type $descriptor))
  (core func $shut (canon resource.drop $descriptor))
  (func (export "shut") (param "directory" u32) (canon lift (core func $shut)))
  (core func $stdout (canon lower (func $stdout "get-stdout")))
  (core func $stderr (canon lower (func $stderr "get-stderr")))
  (core func $subscribe (canon lower (func $streams "[method]output-stream.subscribe")))
  (core func $stdin (canon lower (func $stdin "get-stdin")))
  (core func $clock (canon lower (func $clock "subscribe-duration")))
  (core func $leave (canon resource.drop $input))
  (core func $close (canon resource.drop $stream))
  (core func $forget (canon resource.drop $pollable))
  (func (export "stdout") (result u32) (canon lift (core func $stdout)))
  (func (export "stderr") (result u32) (canon lift (core func $stderr)))
  (func (export "stdin") (result u32) (canon lift (core func $stdin)))
  (func (export "clock") (param "after" u64) (result u32) (canon lift (core func $clock)))
  (func (export "leave") (param "stream" u32) (canon lift (core func $leave)))
  (func (export "subscribe") (param "stream" u32) (result u32) (canon lift (core func $subscribe)))
  (func (export "close") (param "stream" u32) (canon lift (core func $close)))
  (func (export "forget") (param "pollable" u32) (canon lift (core func $forget))))"#;

struct Rig {
    pre: InstancePre<State>,
    functions: Option<Functions>,
}

struct Live {
    functions: Option<Functions>,
    store: Store<State>,
    guest: Instance,
}

impl Rig {
    fn new(wat: &str) -> Self {
        let rewritten = rewrite(&wat::parse_str(wat).unwrap(), HANDLER).unwrap();
        let engine: Engine = crate::sandbox::engine::unpooled(&Config::default()).unwrap();
        let component = Component::from_binary(&engine, &rewritten.bytes).unwrap();
        let pre = linker(&engine).unwrap().instantiate_pre(&component).unwrap();
        Self { pre, functions: Functions::find(&component) }
    }

    async fn fresh(&self) -> Live {
        let directories = ["/a", "/b"].map(|guest| Directory::open(guest, Path::new("/")).unwrap());
        let capabilities = Capabilities { directories: directories.into(), ..Default::default() };
        let tenant = Tenant::test_with(Config::default(), capabilities);
        let (id, sources) = (ConnectionId::random(), Arc::new(ProcessSources));
        let state = State::new(tenant, sources, id, Box::default());
        let mut store = Store::new(self.pre.engine(), state);
        store.set_epoch_deadline(u64::MAX / 2);
        let guest = self.pre.instantiate_async(&mut store).await.unwrap();
        Live { functions: self.functions, store, guest }
    }
}

impl Live {
    /// What it holds, if that is known.
    async fn save(&mut self) -> Option<Vec<Place>> {
        let places = self.store.data_mut().held()?.places;
        if !places.is_empty() {
            assert!(self.table().is_like(&places).await.unwrap());
        }
        let encoded = encode(&places);
        assert_eq!(decode(&encoded).map(|places| encode(&places)), Some(encoded.clone()));
        decode(&encoded)
    }

    fn table(&mut self) -> Table<'_> {
        let functions = self.functions.unwrap();
        Table { functions, guest: self.guest, store: &mut self.store }
    }

    async fn make(&mut self, name: &str) -> u32 {
        let make = self.guest.get_typed_func::<(), (u32,)>(&mut self.store, name).unwrap();
        make.call_async(&mut self.store, ()).await.unwrap().0
    }

    async fn subscribe(&mut self, stream: u32) -> u32 {
        let subscribe =
            self.guest.get_typed_func::<(u32,), (u32,)>(&mut self.store, "subscribe").unwrap();
        subscribe.call_async(&mut self.store, (stream,)).await.unwrap().0
    }

    /// Opens a directory, as a guest does that is told which there are.
    async fn directory(&mut self, number: u32) -> u32 {
        let mut table = self.table();
        let directory = table.functions.directory;
        table.make((directory, number)).await.unwrap()
    }

    async fn drop(&mut self, name: &str, handle: u32) {
        let drop = self.guest.get_typed_func::<(u32,), ()>(&mut self.store, name).unwrap();
        drop.call_async(&mut self.store, (handle,)).await.unwrap();
    }

    async fn clock(&mut self) -> u32 {
        let clock = self.guest.get_typed_func::<(u64,), (u32,)>(&mut self.store, "clock").unwrap();
        clock.call_async(&mut self.store, (1,)).await.unwrap().0
    }
}

/// What a guest did, and the handles that it has by that.
#[derive(Default)]
struct Model {
    streams: BTreeMap<u32, Output>,
    /// Pollables of streams.
    pollables: BTreeMap<u32, u32>,
    /// Directories, by their numbers.
    directories: BTreeMap<u32, u32>,
    inputs: BTreeSet<u32>,
    clocks: BTreeSet<u32>,
    had_clock: bool,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Stdout,
    Stderr,
    Stdin,
    Clock,
    Directory(u32),
    Subscribe(usize),
    /// Drops what stands there among all handles.
    Drop(usize),
    Save,
    Sleep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Stdout),
        4 => Just(Step::Stderr),
        1 => Just(Step::Stdin),
        1 => prop_oneof![9 => Just(Step::Save), 1 => Just(Step::Clock)],
        2 => (0..2_u32).prop_map(Step::Directory),
        6 => any::<usize>().prop_map(Step::Subscribe),
        8 => any::<usize>().prop_map(Step::Drop),
        4 => Just(Step::Sleep),
    ]
}

fn nth<T: Copy>(mut all: impl ExactSizeIterator<Item = T>, at: usize) -> Option<T> {
    all.len().checked_sub(1).and_then(|last| all.nth(at % (last + 1)))
}

impl Model {
    async fn step(&mut self, live: &mut Live, step: Step) {
        match step {
            Step::Stdout => _ = self.streams.insert(live.make("stdout").await, Output::Stdout),
            Step::Stderr => _ = self.streams.insert(live.make("stderr").await, Output::Stderr),
            Step::Stdin => _ = self.inputs.insert(live.make("stdin").await),
            Step::Clock => {
                self.clocks.insert(live.clock().await);
                self.had_clock = true;
            }
            Step::Directory(number) => {
                self.directories.insert(live.directory(number).await, number);
            }
            Step::Subscribe(at) => {
                if let Some(stream) = nth(self.streams.keys().copied(), at) {
                    self.pollables.insert(live.subscribe(stream).await, stream);
                }
            }
            Step::Drop(at) => self.drop(live, at).await,
            Step::Save | Step::Sleep => {}
        }
    }

    async fn drop(&mut self, live: &mut Live, at: usize) {
        let streams = self.streams.keys().chain(&self.inputs);
        let others = self.pollables.keys().chain(self.directories.keys()).chain(&self.clocks);
        let all: Vec<u32> = streams.chain(others).copied().collect();
        let Some(handle) = nth(all.into_iter(), at) else { return };
        if self.inputs.remove(&handle) {
            live.drop("leave", handle).await;
        } else if self.directories.remove(&handle).is_some() {
            live.drop("shut", handle).await;
        } else if self.clocks.remove(&handle) || self.pollables.remove(&handle).is_some() {
            live.drop("forget", handle).await;
        } else if !self.pollables.values().any(|of| *of == handle) {
            // A stream goes after its pollables only.
            live.drop("close", handle).await;
            self.streams.remove(&handle);
        }
    }

    /// What is expected when the guest is to sleep. None: it stays awake.
    fn places(&self) -> Option<Vec<Place>> {
        let handles = self.streams.keys().chain(self.pollables.keys());
        let handles = handles.chain(self.directories.keys());
        let len = handles.max().copied().unwrap_or_default();
        let known = self.inputs.is_empty() && self.clocks.is_empty();
        (known && (len == 0 || !self.had_clock)).then(|| {
            (1..=len)
                .map(|index| {
                    let stream = self.streams.get(&index).map(|output| Place::Stream(*output));
                    let pollable = self.pollables.get(&index).map(|of| Place::Pollable(*of));
                    let directory = self.directories.get(&index);
                    let directory = directory.map(|number| Place::Directory(*number));
                    stream.or(pollable).or(directory).unwrap_or(Place::Free)
                })
                .collect()
        })
    }
}

async fn live_through(rig: &Rig, steps: Vec<Step>) {
    let (mut live, mut model) = (rig.fresh().await, Model::default());
    for step in steps {
        model.step(&mut live, step).await;
        let places = model.places();
        match step {
            Step::Save => assert_eq!(live.save().await, places),
            Step::Sleep if places.is_some() => {
                let saved = live.save().await.unwrap();
                assert_eq!(Some(&saved), places.as_ref());
                live = rig.fresh().await;
                live.table().fill(&saved).await.unwrap();
                model.had_clock = false;
            }
            _ => {}
        }
    }
    // Each handle is of its type still, or this would trap.
    for pollable in model.pollables.keys().chain(&model.clocks) {
        live.drop("forget", *pollable).await;
    }
    for stream in model.streams.keys() {
        live.drop("close", *stream).await;
    }
    for directory in model.directories.keys() {
        live.drop("shut", *directory).await;
    }
    for input in &model.inputs {
        live.drop("leave", *input).await;
    }
    assert_eq!(live.save().await, Some(Vec::new()));
}

proptest! {
    #[test]
    fn handles_are_the_same_after_sleep(
        steps in prop::collection::vec(step(), 0..80)
    ) {
        thread_local!(static RIG: Rig = Rig::new(GUEST));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        RIG.with(|rig| runtime.block_on(live_through(rig, steps)));
    }
}

#[tokio::test]
async fn two_versions_of_streams_are_not_told_apart() {
    let wat = r#"(component
      (type $streams (instance (export "output-stream" (type (sub resource)))))
      (import "wasi:io/streams@0.2.0" (instance (type $streams)))
      (import "wasi:io/streams@0.2.6" (instance (type $streams))))"#;
    assert!(Rig::new(wat).functions.is_none());
    let wat = r#"(component (import "wasi:io/streams@0.2.6" (instance)))"#;
    assert!(Rig::new(wat).functions.is_none());
}

#[tokio::test]
async fn a_guest_that_imports_no_pollables_and_no_files_may_sleep() {
    let wat = r#"(component
      (import "wasi:io/streams@0.2.6" (instance $streams
        (export "output-stream" (type (sub resource)))))
      (alias export $streams "output-stream" (type $stream))
      (import "wasi:cli/stdout@0.2.6" (instance $stdout
        (alias outer 1 $stream (type $outer))
        (export "output-stream" (type $stream (eq $outer)))
        (export "get-stdout" (func (result (own $stream))))))
      (core func $stdout (canon lower (func $stdout "get-stdout")))
      (func (export "stdout") (result u32) (canon lift (core func $stdout))))"#;
    let rig = Rig::new(wat);
    let mut guest = rig.fresh().await;
    guest.make("stdout").await;
    let places = [Place::Stream(Output::Stdout)];
    assert_eq!(guest.save().await.as_deref(), Some(&places[..]));
    rig.fresh().await.table().fill(&places).await.unwrap();
    // It can't have had a pollable.
    for other in [Place::Pollable(1), Place::Directory(0)] {
        let other = [places[0], other];
        assert!(!guest.table().is_like(&other).await.unwrap());
        assert!(rig.fresh().await.table().fill(&other).await.is_err());
    }
}

#[tokio::test]
async fn tables_that_differ_are_noticed() {
    let rig = Rig::new(GUEST);
    let mut guest = rig.fresh().await;
    guest.make("stdout").await;
    for places in [&[][..], &[Place::Free], &[Place::Stream(Output::Stdout); 2]] {
        assert!(!guest.table().is_like(places).await.unwrap(), "{places:?}");
    }
    // It goes on as before, and is not taken for a fresh one.
    let places = [Place::Stream(Output::Stdout)];
    assert_eq!(guest.save().await.as_deref(), Some(&places[..]));
    assert!(guest.table().fill(&places).await.is_err());
}

#[test]
fn bytes_that_are_no_handles_are_refused() {
    for bytes in [&[0x80][..], &[3], &[0, 3], &[1, 7], &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 1]] {
        assert_eq!(decode(bytes), None, "{bytes:?}");
    }
}
