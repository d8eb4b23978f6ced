//! What becomes of the spans of traces.

use prometheus_client::{
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

type Label = [(&'static str, &'static str); 1];

/// Spans that have ended, by what became of them.
#[derive(Clone, Debug, Default)]
pub struct Spans(Family<Label, Counter>);

const EXPORTED: Label = [("result", "exported")];
const DROPPED: Label = [("result", "dropped")];
const FAILED: Label = [("result", "failed")];

impl Spans {
    pub(super) fn register(&self, registry: &mut Registry) {
        // Each is there from the beginning, so that its first one is a change.
        [EXPORTED, DROPPED, FAILED].iter().for_each(|label| _ = self.0.get_or_create(label));
        registry.register("spans", "Spans, by what became of them", self.0.clone());
    }

    /// The collector took so many.
    pub fn exported(&self, count: usize) {
        self.0.get_or_create(&EXPORTED).inc_by(count as u64);
    }

    /// For so many there was no room in the queue.
    pub fn dropped(&self, count: usize) {
        self.0.get_or_create(&DROPPED).inc_by(count as u64);
    }

    /// The collector did not take so many.
    pub fn failed(&self, count: usize) {
        self.0.get_or_create(&FAILED).inc_by(count as u64);
    }
}
