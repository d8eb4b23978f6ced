//! What plugins have now: looked up when somebody reads the metrics.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder, metrics::MetricType};

/// Who can tell what a plugin has now. Versions of a plugin are told together.
pub trait HasTotals: fmt::Debug + Send + Sync {
    /// The plugin's name.
    fn plugin(&self) -> &Arc<str>;

    /// What it has of what: the same things in the same order, whoever is asked.
    fn totals(&self) -> Vec<Total>;
}

/// What a plugin has of one thing.
#[derive(Clone, Copy, Debug)]
pub struct Total {
    /// The metric's name, without `wshost_`.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// How much.
    pub value: u64,
}

/// Those of all plugins that are there.
#[derive(Clone, Debug, Default)]
pub(super) struct AllTotals(Arc<Mutex<Vec<Weak<dyn HasTotals>>>>);

impl AllTotals {
    pub(super) fn add(&self, of: Weak<dyn HasTotals>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.strong_count() > 0);
        all.push(of);
    }

    /// Of each plugin, in the order that it tells them.
    fn sums(&self) -> BTreeMap<Arc<str>, Vec<Total>> {
        let mut sums = BTreeMap::<_, Vec<Total>>::new();
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for one in all.iter().filter_map(Weak::upgrade) {
            let totals = one.totals();
            match sums.get_mut(one.plugin()) {
                None => _ = sums.insert(one.plugin().clone(), totals),
                Some(sum) => {
                    sum.iter_mut().zip(totals).for_each(|(sum, total)| sum.value += total.value);
                }
            }
        }
        sums
    }
}

impl Collector for AllTotals {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sums = self.sums();
        let count = sums.values().map(Vec::len).next().unwrap_or(0);
        for index in 0..count {
            let of_each = || sums.iter().map(|(plugin, totals)| (plugin, totals[index]));
            let Some((_, Total { name, help, .. })) = of_each().next() else { continue };
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (plugin, total) in of_each() {
                metric.encode_family(&[("plugin", &**plugin)])?.encode_gauge(&total.value)?;
            }
        }
        Ok(())
    }
}
