//! Instances that are put to sleep and made again.

pub(super) mod handles;

use std::{mem, sync::Arc};

use thiserror::Error;
use wasmtime::{
    AsContextMut, Result,
    component::{self, Component},
    ensure,
    error::Context as _,
};

use super::{
    callbacks::{Batch, Checked, Found, Grow},
    error::CallError,
    held::{self, Held},
    instance::{Instance, Template},
    ledger::Ledger,
    warm::Warm,
};
use crate::{
    config::Config,
    hibernation::{
        self, ACCESSOR, Baseline, Damaged, Difference, Invalid, Load, Scan, Snapshot, Unfit,
    },
    messaging::ConnectionId,
};

/// Of a plugin that can hibernate: what its fresh instances are, and where its
/// accessor is.
#[derive(Clone, Debug)]
pub struct Hibernation {
    pub(super) baseline: Arc<Baseline>,
    grow: Checked<Grow>,
    /// `None`: each frame is passed by calls of its own.
    pub(super) batch: Option<Checked<Batch>>,
    /// None: a guest that has handles can't sleep.
    handles: Option<handles::Functions>,
}

/// An instance can't be put to sleep now. It can be used as before.
#[derive(Debug, Error)]
pub enum StaysAwake {
    /// None of its plugin's can.
    #[error("the plugin can't hibernate: {0}")]
    Unfit(Unfit),
    /// It holds handles to the host, and not to its output and error and the
    /// directories that it is granted alone.
    #[error("it holds handles to the host (pollables, input, files or requests)")]
    HoldsResources,
    /// There is too much that differs from a fresh instance.
    #[error("its snapshot would be too large (snapshot_max_bytes)")]
    TooLarge,
    /// The accessor failed. This is the host's fault; the instance won't work either.
    #[error("its state can't be read: {0}")]
    Failed(CallError),
}

/// A snapshot can't be made an instance again.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The plugin can't hibernate, so this is no snapshot of it.
    #[error("the plugin can't hibernate: {0}")]
    Unfit(Unfit),
    /// It is no snapshot of this plugin's.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The new instance failed, or there was no room for it.
    #[error("the new instance {0}")]
    Call(#[from] CallError),
}

impl Hibernation {
    /// Finds a rewritten component's accessor, and checks its types by an instance.
    ///
    /// # Errors
    /// The component was not rewritten.
    pub(super) fn new(
        component: &Component,
        baseline: Baseline,
        instance: &component::Instance,
        mut store: impl AsContextMut,
    ) -> Result<Self> {
        let grow = Checked::check(ACCESSOR, component, instance, &mut store)?;
        let batches = baseline.layout().batches;
        let batch = batches.then(|| Checked::check(ACCESSOR, component, instance, &mut store));
        let handles = handles::Functions::find(component);
        Ok(Self { baseline: Arc::new(baseline), grow, batch: batch.transpose()?, handles })
    }

    /// The pages of 64 KiB that a fresh instance's memories have.
    pub(super) fn baseline_pages(&self) -> u64 {
        (self.baseline.len_bytes() / (64 * 1024)) as u64
    }
}

impl Template {
    /// Whether instances can hibernate, and if not, why.
    ///
    /// # Errors
    /// They can't.
    pub fn can_hibernate(&self) -> Result<&Hibernation, &Unfit> {
        (*self.hibernation).as_ref()
    }

    /// Looks for changed pages in this way: to measure, and to test.
    #[must_use]
    pub fn with_scan(mut self, scan: Scan) -> Self {
        if let Ok(hibernation) = &*self.hibernation {
            let baseline = Arc::new(hibernation.baseline.with_scan(scan));
            self.hibernation = Arc::new(Ok(Hibernation { baseline, ..hibernation.clone() }));
            self.warm = Warm::new(self.tenant.metrics.warm.clone());
        }
        self
    }

    fn unpack(&self, snapshot: &Snapshot) -> Result<(&Hibernation, Load), RestoreError> {
        let hibernation = self.can_hibernate().map_err(|why| RestoreError::Unfit(why.clone()))?;
        let Config { memory_max_bytes, resources_max, .. } = *self.tenant.config;
        let load = Load::new(&hibernation.baseline, snapshot, memory_max_bytes, resources_max)?;
        Ok((hibernation, load))
    }

    /// Makes an instance again, if there is a warm one that needs no call for it. It takes
    /// over what its connection holds.
    ///
    /// # Errors
    /// Bytes that are no snapshot of this plugin's.
    pub fn restore_at_once(
        &self,
        id: ConnectionId,
        ledger: &mut Option<Box<Ledger>>,
        snapshot: &Snapshot,
    ) -> Result<Option<Box<Instance>>, RestoreError> {
        let (_, load) = self.unpack(snapshot)?;
        let Some(mut instance) = self.warm.take_alike(&load) else { return Ok(None) };
        let difference = instance.begin_reuse(self, id, ledger.take());
        match difference.and_then(|difference| Ok(instance.put_at_once(load, difference)?)) {
            Ok(()) => Ok(Some(instance)),
            Err(error) => Err(instance.restore_error(&error)),
        }
    }

    /// Makes an instance again, of a warm one if there is one. It goes
    /// on with what its connection holds; `None`: nothing.
    ///
    /// # Errors
    /// Bytes that are no snapshot of this plugin's; no room in the pool.
    pub async fn restore(
        &self,
        id: ConnectionId,
        ledger: Option<Box<Ledger>>,
        snapshot: &Snapshot,
    ) -> Result<Box<Instance>, RestoreError> {
        let (hibernation, load) = self.unpack(snapshot)?;
        let (instance, loaded) = match self.warm.take(&load) {
            Some(mut instance) => {
                let loaded = instance.reuse(self, hibernation, id, ledger, load).await;
                (instance, loaded)
            }
            None => {
                let mut instance = self.make(id, ledger.unwrap_or_default()).await?;
                let loaded = instance.load(hibernation, load).await;
                (instance, loaded)
            }
        };
        match loaded {
            Ok(()) => Ok(instance),
            Err(error) => Err(instance.restore_error(&error)),
        }
    }
}

impl Instance {
    /// Takes a snapshot, with which the instance can be made again once it is
    /// dropped. It may also go on. Waits for nothing.
    ///
    /// # Errors
    /// [`StaysAwake`]: it can't be, now or at all.
    pub async fn hibernate(&mut self) -> Result<Snapshot, StaysAwake> {
        if let Some(saved) = self.hibernate_at_once() {
            return saved;
        }
        let hibernation = self.hibernation.clone();
        let hibernation = (*hibernation).as_ref().map_err(|why| StaysAwake::Unfit(why.clone()))?;
        let held = self.store.data_mut().held().ok_or(StaysAwake::HoldsResources)?;
        let functions = hibernation.handles.ok_or(StaysAwake::HoldsResources)?;
        match self.handles(functions).is_like(&held.places).await {
            Ok(true) => self.save(hibernation, &held).ok_or(StaysAwake::TooLarge),
            Ok(false) => Err(StaysAwake::HoldsResources),
            Err(error) => Err(StaysAwake::Failed(self.call_error(&error))),
        }
    }

    /// Takes a snapshot. Returns `None` if the guest's handles have to be
    /// [tried out](Self::hibernate) before.
    pub fn hibernate_at_once(&mut self) -> Option<Result<Snapshot, StaysAwake>> {
        let hibernation = self.hibernation.clone();
        let hibernation = match &*hibernation {
            Ok(hibernation) => hibernation,
            Err(why) => return Some(Err(StaysAwake::Unfit(why.clone()))),
        };
        let Some(held) = self.store.data_mut().held() else {
            return Some(Err(StaysAwake::HoldsResources));
        };
        let are_known = held.places.is_empty() || held.is_as_given(&self.reuse.given);
        are_known.then(|| self.save(hibernation, &held).ok_or(StaysAwake::TooLarge))
    }

    /// Returns `None` if the snapshot would be too large.
    fn save(&mut self, hibernation: &Hibernation, held: &Held) -> Option<Snapshot> {
        let max_bytes = self.store.data().tenant.config.snapshot_max_bytes;
        let added = held::encode(&held.places);
        let last = mem::take(&mut self.reuse.difference);
        let (snapshot, difference) =
            hibernation::save(&mut self.store, &hibernation.baseline, &added, max_bytes, last);
        self.reuse.difference = difference;
        // One whose handles can't be known again serves nobody else.
        self.reuse.difference_is_known = snapshot.is_some() && held.is_as_given(&self.reuse.given);
        snapshot
    }

    /// Puts a snapshot into a fresh instance.
    async fn load(&mut self, hibernation: &Hibernation, load: Load) -> Result<()> {
        let given = load.added().to_vec();
        self.put(hibernation, load, Difference::of_fresh(&hibernation.baseline)).await?;
        self.give(hibernation, given).await
    }

    /// Puts a snapshot into an instance that another connection had, which has nothing
    /// of it afterwards.
    pub(super) async fn reuse(
        &mut self,
        template: &Template,
        hibernation: &Hibernation,
        id: ConnectionId,
        ledger: Option<Box<Ledger>>,
        load: Load,
    ) -> Result<()> {
        let difference = self.begin_reuse(template, id, ledger)?;
        let given = (load.added() != self.reuse.given).then(|| load.added().to_vec());
        self.put(hibernation, load, difference).await?;
        match given {
            Some(given) => self.give(hibernation, given).await,
            None => Ok(()),
        }
    }

    /// Goes on for another connection. Returns what the instance differs in.
    fn begin_reuse(
        &mut self,
        template: &Template,
        id: ConnectionId,
        ledger: Option<Box<Ledger>>,
    ) -> Result<Difference> {
        ensure!(
            mem::take(&mut self.reuse.difference_is_known),
            "the instance is not fit for reuse"
        );
        self.begin(&template.sources, id, ledger);
        Ok(mem::take(&mut self.reuse.difference))
    }

    async fn put(
        &mut self,
        hibernation: &Hibernation,
        load: Load,
        mut into: Difference,
    ) -> Result<()> {
        if load.growth_from(&into).is_none_or(|pages| pages > 0) {
            load.ask_growth(&mut self.store);
            Box::pin(self.grow(hibernation.grow)).await?;
            into.used_anywhere();
        }
        Ok(self.put_at_once(load, into)?)
    }

    /// Puts a snapshot into an instance that need not grow for it.
    fn put_at_once(&mut self, load: Load, into: Difference) -> Result<(), Damaged> {
        self.reuse.difference = load.put(&mut self.store, into)?;
        self.reuse.difference.used_here();
        Ok(())
    }

    async fn grow(&mut self, grow: Checked<Grow>) -> Result<()> {
        let found = grow.of(&self.component, &mut self.store);
        let grow = found.and_then(Found::typed::<Grow>).context("there is no `grow`")?;
        // `grow` is the host's, and short: it is not interrupted.
        self.store.set_epoch_deadline(u64::MAX / 2);
        grow.call_async(&mut self.store, ()).await
    }

    /// Gives a guest that has no handles those of a snapshot.
    async fn give(&mut self, hibernation: &Hibernation, given: Vec<u8>) -> Result<()> {
        let places = held::decode(&given).ok_or(Damaged("a handle"))?;
        match hibernation.handles {
            _ if places.is_empty() => {}
            Some(functions) => self.handles(functions).fill(&places).await?,
            None => return Err(Damaged("its length").into()),
        }
        self.reuse.given = given;
        Ok(())
    }

    /// The handles that it was given, as they stand in a snapshot.
    pub(super) fn given(&self) -> &[u8] {
        &self.reuse.given
    }

    /// Its difference to a fresh instance. Returns `None` if that is not known.
    pub(super) fn difference(&self) -> Option<&Difference> {
        self.reuse.difference_is_known.then_some(&self.reuse.difference)
    }

    pub(super) fn restore_error(&self, error: &wasmtime::Error) -> RestoreError {
        match error.downcast_ref::<Damaged>() {
            Some(damaged) => RestoreError::Invalid(Invalid::Damaged(*damaged)),
            None => CallError::of_making(error, self.store.data().limits.last_hit()).into(),
        }
    }

    fn handles(&mut self, functions: handles::Functions) -> handles::Table<'_> {
        handles::Table { functions, guest: self.component, store: &mut self.store }
    }

    /// Drops the instance, and keeps what the connection holds of the host.
    #[must_use]
    pub fn into_ledger(self) -> Box<Ledger> {
        self.store.into_data().into_ledger()
    }
}

#[cfg(test)]
mod tests;
