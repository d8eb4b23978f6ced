//! Traces, by OpenTelemetry: a span for each request, which for a WebSocket lasts as
//! long as the connection, and under it one for each callback, up to a rate.
//!
//! On where the environment names a collector. Spans are made by OpenTelemetry's SDK,
//! whose thread gathers them ([`BatchSpanProcessor`]), and sent as OTLP over HTTP in
//! protobuf. Whoever is not sampled has no span at all.

mod connection;
mod environment;
mod exporter;
mod otlp;
mod parent;
mod queue;

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_sdk::{
    Resource,
    resource::{EnvResourceDetector, TelemetryResourceDetector},
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider},
};
use tokio::runtime::Handle;

pub use self::connection::{Asked, Begun, Ended, Failure, Trace};
use self::{
    environment::Settings,
    exporter::Exporter,
    queue::{Queue, Waiting},
};
use super::Metrics;

/// How long the host waits at its end for what is still to be sent.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What makes spans.
#[derive(Clone, Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// As the environment says; none, if it names no collector.
    ///
    /// # Errors
    /// A variable that can't be followed; no thread.
    ///
    /// # Panics
    /// Outside a tokio runtime, which sends the spans.
    pub fn from_environment(metrics: &Metrics) -> Result<Option<Self>> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(settings) = Settings::read(variable).context("traces")? else { return Ok(None) };
        tracing::info!("traces go to {}", settings.endpoint);
        let resource = resource(variable("OTEL_SERVICE_NAME"));
        let (spans, waiting) = (metrics.spans(), Arc::<Waiting>::default());
        let config = BatchConfigBuilder::default().with_max_queue_size(settings.queue_max).build();
        let queue_max = settings.queue_max;
        let exporter = Exporter::new(settings, Handle::current(), waiting.clone(), spans.clone())?;
        let batches = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_span_processor(Queue::new(batches, queue_max, waiting, spans))
            .build();
        let tracer = provider.tracer("wshost");
        Ok(Some(Self { provider, tracer }))
    }

    /// Sends what there is, and waits for that, but not for long.
    pub async fn shut_down(self) {
        // A failure was logged where it was found.
        let _ =
            tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(LAST_WORDS))
                .await;
    }
}

/// What all spans come from.
fn resource(service_name: Option<String>) -> Resource {
    let own = Resource::builder_empty()
        .with_service_name("wshost")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match service_name {
        Some(name) => own.with_service_name(name).build(),
        None => own.build(),
    }
}
