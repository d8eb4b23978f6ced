//! Hand-made components, for what compilers seldom make.

mod damage;
mod reuse;
mod stack;
mod state;
mod twins;
mod unfit;

use std::{mem, sync::Arc};

use wasmtime::{
    Engine, Result, Store, StoreLimits,
    component::{Component, Instance, Linker},
};

use super::{
    ACCESSOR, Baseline, Difference, Image, Scan, Snapshot, Transfer, add_to_linker, rewrite,
};
use crate::{config::Config, sandbox::engine::unpooled};

const PLUGIN: [u8; 8] = *b"a plugin";
const MEMORY_MAX_BYTES: usize = 64 << 20;

/// A component, rewritten.
struct Rig {
    engine: Engine,
    component: Component,
    linker: Linker<Transfer>,
    baseline: Arc<Baseline>,
}

/// An instance of one.
struct Live {
    store: Store<Transfer>,
    instance: Instance,
    /// Its difference to a fresh instance when a snapshot was taken last.
    difference: Difference,
}

impl Rig {
    fn new(wat: &str, scan: Scan) -> Self {
        let rewritten = rewrite(&wat::parse_str(wat).unwrap()).unwrap();
        let engine = unpooled(&Config::default()).unwrap();
        let component = Component::from_binary(&engine, &rewritten.bytes).unwrap();
        let baseline =
            Baseline::capture(&component, PLUGIN, rewritten.layout, StoreLimits::default())
                .unwrap();
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker, |transfer| transfer).unwrap();
        Self { engine, component, linker, baseline: Arc::new(baseline.with_scan(scan)) }
    }

    fn fresh(&self) -> Live {
        let mut store = Store::new(&self.engine, Transfer::Idle);
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
        let save = Transfer::save(&self.baseline, &[], usize::MAX, mem::take(&mut live.difference));
        let (snapshot, difference) = self.transfer(live, "save", save).unwrap().finish_save();
        live.difference = difference;
        snapshot.unwrap()
    }

    fn restore(&self, snapshot: &Snapshot) -> Result<Live> {
        let load = Transfer::load(&self.baseline, snapshot, MEMORY_MAX_BYTES, 0)?;
        let mut live = self.fresh();
        self.transfer(&mut live, "load", load.into_fresh())?.finish_load()?;
        Ok(live)
    }

    /// Puts a snapshot into an instance of which one was taken just now. Returns
    /// `None` if it has grown too much for that.
    fn reuse(&self, mut live: Live, snapshot: &Snapshot) -> Option<Live> {
        let load = Transfer::load(&self.baseline, snapshot, MEMORY_MAX_BYTES, 0).unwrap();
        load.growth_from(&live.difference)?;
        let load = load.into_used(mem::take(&mut live.difference));
        live.difference = self.transfer(&mut live, "load", load).unwrap().finish_load().unwrap();
        Some(live)
    }

    /// The whole state of an instance.
    fn image(&self, live: &mut Live) -> Image {
        match self.transfer(live, "save", Transfer::Image(Image::default())).unwrap() {
            Transfer::Image(image) => image,
            other => panic!("{other:?} is no image"),
        }
    }

    fn transfer(&self, live: &mut Live, accessor: &str, what: Transfer) -> Result<Transfer> {
        let of = self.component.get_export_index(None, ACCESSOR);
        let accessor = self.component.get_export_index(of.as_ref(), accessor).unwrap();
        let call = live.instance.get_typed_func::<(), ()>(&mut live.store, accessor)?;
        *live.store.data_mut() = what;
        call.call(&mut live.store, ())?;
        Ok(mem::take(live.store.data_mut()))
    }
}

impl Live {
    /// Calls a function that the component exports.
    fn call(&mut self, name: &str) -> u64 {
        let function = self.instance.get_typed_func::<(), (u64,)>(&mut self.store, name).unwrap();
        function.call(&mut self.store, ()).unwrap().0
    }
}
