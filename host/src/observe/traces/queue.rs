//! The bound on what waits to be sent, and the count of what did not fit. The SDK's own
//! queue has such a bound, but tells nobody what it drops.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use opentelemetry::Context;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchSpanProcessor, Span, SpanData, SpanProcessor},
};

use crate::observe::{Seldom, metrics::Spans};

/// How many spans wait.
#[derive(Debug, Default)]
pub(super) struct Waiting(AtomicUsize);

impl Waiting {
    /// So many are being sent.
    pub(super) fn leave(&self, count: usize) {
        self.0.fetch_sub(count, Relaxed);
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    batches: BatchSpanProcessor,
    max: usize,
    waiting: Arc<Waiting>,
    spans: Spans,
    dropped_said: Seldom,
}

impl Queue {
    pub(super) fn new(
        batches: BatchSpanProcessor,
        max: usize,
        waiting: Arc<Waiting>,
        spans: Spans,
    ) -> Self {
        Self { batches, max, waiting, spans, dropped_said: Seldom::default() }
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.waiting.0.fetch_add(1, Relaxed) < self.max {
            self.batches.on_end(span);
            return;
        }
        self.waiting.leave(1);
        self.spans.dropped(1);
        if let Some(others) = self.dropped_said.say() {
            tracing::warn!(
                others,
                "traces: a span was dropped, as too many wait to be sent (OTEL_BSP_MAX_QUEUE_SIZE)"
            );
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}
