//! What a fresh instance's state is: what snapshots are the difference to.

use wasmtime::{
    ResourceLimiter, Result, Store,
    component::{Component, Linker},
};

use super::{HasReach, Layout, PluginId, Reach, Scan, Unfit, add_to_linker, reach::View};

/// The whole state of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The bits of all globals.
    pub globals: Vec<u64>,
    /// The bytes of all memories.
    pub memories: Vec<Box<[u8]>>,
}

impl Image {
    /// Takes the image of the instance in a store, which was rewritten with this layout.
    pub(crate) fn of<T: HasReach + 'static>(store: &mut Store<T>, layout: &Layout) -> Self {
        let view = View::new(store, layout);
        let memories = view.memories.iter().map(|memory| Box::from(&**memory)).collect();
        Self { globals: view.globals().collect(), memories }
    }
}

/// A plugin's fresh image, and how to look for what differs from it.
#[derive(Debug)]
pub struct Baseline {
    pub(super) plugin: PluginId,
    pub(super) image: Image,
    pub(super) layout: Layout,
    pub(super) scan: Scan,
}

struct State<L> {
    limits: L,
    reach: Reach,
}

impl<L> HasReach for State<L> {
    fn reach(&mut self) -> &mut Reach {
        &mut self.reach
    }
}

impl Baseline {
    /// Makes an instance of a rewritten component, whose imports all trap, and
    /// takes its image.
    ///
    /// That every fresh instance has the same: what WebAssembly does depends on
    /// nothing but the code, what imports return, and whether memories can grow.
    /// No import returns here, so if the instance can be made at all, none was
    /// called; and the limits are those of all instances. A later instance does
    /// the same, start functions included: it calls the host as little, so that
    /// a restore, too, has no effects.
    ///
    /// The component's engine must have no pool: a look at all of a memory makes
    /// its pages known to the kernel, and a slot of the pool would keep them, for
    /// each later scan to pass over. At the engine's next epoch the instance traps.
    ///
    /// # Errors
    /// [`Unfit::StartCallsHost`].
    pub fn capture<L: ResourceLimiter + Send + 'static>(
        component: &Component,
        plugin: PluginId,
        layout: Layout,
        limits: L,
    ) -> Result<Self, Unfit> {
        let image = image(component, &layout, limits)
            .map_err(|error| Unfit::StartCallsHost(format!("{error:#}")))?;
        Ok(Self { plugin, image, layout, scan: Scan::best() })
    }

    /// Looks for changed pages in this way: to measure, and to test.
    #[must_use]
    pub fn with_scan(&self, scan: Scan) -> Self {
        let (image, layout) = (self.image.clone(), self.layout.clone());
        Self { plugin: self.plugin, image, layout, scan }
    }

    /// Takes snapshots that have the dead parts of stacks in them, too.
    #[cfg(test)]
    pub(crate) fn with_whole_stacks(&self) -> Self {
        let (image, mut layout) = (self.image.clone(), self.layout.clone());
        layout.stacks.clear();
        Self { plugin: self.plugin, image, layout, scan: self.scan }
    }

    /// The state of an instance that the host can reach.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many bytes the image takes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.image.memories.iter().map(|memory| memory.len()).sum()
    }

    /// More than the longest body of a snapshot of an instance with so much memory: each
    /// line of 64 bytes differs, and has its head.
    pub(super) fn body_max_bytes(&self, memory_max_bytes: usize) -> usize {
        let ends = 16 * (1 + self.image.globals.len() + self.image.memories.len());
        memory_max_bytes.saturating_mul(2).saturating_add(ends)
    }
}

fn image<L: ResourceLimiter + Send + 'static>(
    component: &Component,
    layout: &Layout,
    limits: L,
) -> Result<Image> {
    let engine = component.engine();
    let mut linker = Linker::new(engine);
    add_to_linker(&mut linker)?;
    linker.define_unknown_imports_as_traps(component)?;
    let mut store = Store::new(engine, State { limits, reach: Reach::default() });
    store.limiter(|state| &mut state.limits);
    // Of the epoch that has begun, a part may have passed: it has the whole of the next.
    store.set_epoch_deadline(2);
    linker.instantiate(&mut store, component)?;
    Ok(Image::of(&mut store, layout))
}
