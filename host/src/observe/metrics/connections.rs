//! How many connections a plugin has, by what they are doing.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder, metrics::MetricType};

/// See the module. All but those that sleep are counted one by one: a connection that
/// sleeps has no room for one more thing to remember.
#[derive(Debug, Default)]
pub struct Connections {
    all: AtomicUsize,
    opening: Arc<AtomicUsize>,
    awake: Arc<AtomicUsize>,
    closing: Arc<AtomicUsize>,
}

/// One connection in a state, until this is dropped.
#[derive(Debug)]
pub struct InState(Arc<AtomicUsize>);

impl InState {
    fn of(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count.clone())
    }
}

impl Drop for InState {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Connections {
    /// There is one more. Returns how many there were.
    pub fn enter(&self) -> usize {
        self.all.fetch_add(1, Relaxed)
    }

    /// There is one less.
    pub fn leave(&self) {
        self.all.fetch_sub(1, Relaxed);
    }

    /// `init` is called for one.
    #[must_use]
    pub fn opening(&self) -> InState {
        InState::of(&self.opening)
    }

    /// One has an instance.
    #[must_use]
    pub fn awake(&self) -> InState {
        InState::of(&self.awake)
    }

    /// The closing handshake of one is waited for.
    #[must_use]
    pub fn closing(&self) -> InState {
        InState::of(&self.closing)
    }

    /// By state. One that is just changing it may count for two or for none.
    fn by_state(&self) -> [(&'static str, usize); 4] {
        let [all, opening, awake, closing] =
            [&self.all, &*self.opening, &*self.awake, &*self.closing]
                .map(|count| count.load(Relaxed));
        let asleep = all.saturating_sub(opening + awake + closing);
        [("opening", opening), ("awake", awake), ("asleep", asleep), ("closing", closing)]
    }
}

/// Those of all plugins.
#[derive(Clone, Debug, Default)]
pub(super) struct AllConnections(Arc<Mutex<BTreeMap<Arc<str>, Arc<Connections>>>>);

impl AllConnections {
    pub(super) fn of(&self, plugin: &Arc<str>) -> Arc<Connections> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(plugin.clone()).or_default().clone()
    }
}

impl Collector for AllConnections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "WebSockets, by state";
        let mut metric = encoder.encode_descriptor("connections", help, None, MetricType::Gauge)?;
        for (plugin, connections) in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            for (state, count) in connections.by_state() {
                let labels = [("plugin", &**plugin), ("state", state)];
                metric.encode_family(&labels)?.encode_gauge(&(count as u64))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_in_no_other_state_sleeps() {
        let connections = Connections::default();
        let states = || connections.by_state().map(|(_, count)| count);
        assert_eq!([connections.enter(), connections.enter()], [0, 1]);
        let (opening, awake) = (connections.opening(), connections.awake());
        assert_eq!(states(), [1, 1, 0, 0]);
        drop((opening, awake));
        let closing = connections.closing();
        assert_eq!(states(), [0, 0, 1, 1]);
        connections.leave();
        drop(closing);
        connections.leave();
        assert_eq!(states(), [0; 4]);
    }
}
