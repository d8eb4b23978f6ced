//! Hand-made components, for what compilers seldom make.

mod batch;
mod damage;
mod reuse;
mod stack;
mod state;
mod twins;
mod unfit;

use std::{mem, sync::Arc};

use wasmtime::{
    Engine, Result, Store, StoreLimits,
    component::{Component, ComponentNamedList, Instance, Lift, Linker, Lower},
};

use super::{
    ACCESSOR, Baseline, CALLBACKS, Difference, HasReach, Image, Load, Reach, Scan, Snapshot,
    add_to_linker, rewrite, save,
};
use crate::{config::Config, sandbox::engine::unpooled};

const PLUGIN: [u8; 8] = *b"a plugin";
const MEMORY_MAX_BYTES: usize = 64 << 20;

/// The interface that the components export.
const INTERFACE: &str = "test:test/test";

impl HasReach for Reach {
    fn reach(&mut self) -> &mut Reach {
        self
    }
}

/// A component, rewritten.
struct Rig {
    engine: Engine,
    component: Component,
    linker: Linker<Reach>,
    baseline: Arc<Baseline>,
}

/// An instance of one.
struct Live {
    store: Store<Reach>,
    instance: Instance,
    /// Its difference to a fresh instance when a snapshot was taken last.
    difference: Difference,
}

impl Rig {
    fn new(wat: &str, scan: Scan) -> Self {
        let rewritten = rewrite(&wat::parse_str(wat).unwrap(), INTERFACE).unwrap();
        let engine = unpooled(&Config::default()).unwrap();
        let component = Component::from_binary(&engine, &rewritten.bytes).unwrap();
        let baseline =
            Baseline::capture(&component, PLUGIN, rewritten.layout, StoreLimits::default())
                .unwrap();
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker).unwrap();
        linker.define_unknown_imports_as_traps(&component).unwrap();
        Self { engine, component, linker, baseline: Arc::new(baseline.with_scan(scan)) }
    }

    fn fresh(&self) -> Live {
        let mut store = Store::new(&self.engine, Reach::default());
        store.set_epoch_deadline(1);
        let instance = self.linker.instantiate(&mut store, &self.component).unwrap();
        Live { store, instance, difference: Difference::default() }
    }

    /// Puts an instance to sleep, and makes it again.
    fn sleep(&self, mut live: Live) -> Live {
        let snapshot = self.snapshot(&mut live);
        self.restore(&snapshot).unwrap()
    }

    fn snapshot(&self, live: &mut Live) -> Snapshot {
        let room = mem::take(&mut live.difference);
        let (snapshot, difference) = save(&mut live.store, &self.baseline, &[], usize::MAX, room);
        live.difference = difference;
        snapshot.unwrap()
    }

    fn load(&self, snapshot: &Snapshot) -> Result<Load> {
        Ok(Load::new(&self.baseline, snapshot, MEMORY_MAX_BYTES, 0)?)
    }

    fn restore(&self, snapshot: &Snapshot) -> Result<Live> {
        let (load, mut live) = (self.load(snapshot)?, self.fresh());
        live.difference = Difference::of_fresh(&self.baseline);
        self.put(&mut live, load)?;
        Ok(live)
    }

    /// Puts a snapshot into an instance of which one was taken just now. Returns
    /// `None` if it has grown too much for that.
    fn reuse(&self, mut live: Live, snapshot: &Snapshot) -> Option<Live> {
        let load = self.load(snapshot).unwrap();
        load.growth_from(&live.difference)?;
        self.put(&mut live, load).unwrap();
        Some(live)
    }

    fn put(&self, live: &mut Live, load: Load) -> Result<()> {
        if load.growth_from(&live.difference) != Some(0) {
            load.ask_growth(&mut live.store);
            live.call_with::<(), ()>(ACCESSOR, "grow", ())?;
        }
        live.difference = load.put(&mut live.store, mem::take(&mut live.difference))?;
        Ok(())
    }

    /// The whole state of an instance.
    fn image(&self, live: &mut Live) -> Image {
        Image::of(&mut live.store, self.baseline.layout())
    }
}

impl Live {
    /// Calls a function of the interface.
    fn call(&mut self, name: &str) -> u64 {
        let (result,): (u64,) = self.call_with(CALLBACKS, name, ()).unwrap();
        result
    }

    fn call_with<P, R>(&mut self, of: &str, name: &str, params: P) -> Result<R>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let Self { instance, store, .. } = self;
        let of = instance.get_export_index(&mut *store, None, of);
        let function = instance.get_export_index(&mut *store, of.as_ref(), name).unwrap();
        instance.get_typed_func::<P, R>(&mut *store, function)?.call(&mut *store, params)
    }
}
