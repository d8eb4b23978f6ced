//! Sends spans to the collector (OTLP over HTTP).

use std::{error::Error as _, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SpanData, SpanExporter},
};
use tokio::{
    runtime::Handle,
    time::{sleep, timeout},
};

use super::{environment::Settings, otlp, queue::Waiting};
use crate::{
    capabilities::trusting_the_system,
    observe::{Seldom, metrics::Spans},
};

/// How long is waited before a batch is sent once more.
const WAITS: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// How much of an answer is read.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// See the module. It is called by a thread of the SDK's; the runtime sends.
#[derive(Debug)]
pub(super) struct Exporter {
    to: Arc<Collector>,
    runtime: Handle,
    resource: Resource,
    waiting: Arc<Waiting>,
    spans: Spans,
    failed_said: Seldom,
}

#[derive(Debug)]
struct Collector {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    settings: Settings,
}

/// Why a batch was not taken.
enum Failed {
    /// It may be another time.
    ForNow(anyhow::Error),
    /// It won't be.
    ForEver(anyhow::Error),
}

impl Exporter {
    pub(super) fn new(
        settings: Settings,
        runtime: Handle,
        waiting: Arc<Waiting>,
        spans: Spans,
    ) -> Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trusting_the_system().context("TLS")?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self {
            to: Arc::new(Collector { client, settings }),
            runtime,
            resource: Resource::builder_empty().build(),
            waiting,
            spans,
            failed_said: Seldom::default(),
        })
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.waiting.leave(batch.len());
        let body = Bytes::from(otlp::request(&self.resource, &batch));
        let to = self.to.clone();
        let sent = self.runtime.spawn(async move { to.send(body).await }).await;
        // The task fails only with the runtime.
        let Err(error) = sent.unwrap_or_else(|error| Err(error.into())) else {
            self.spans.exported(batch.len());
            return Ok(());
        };
        self.spans.failed(batch.len());
        if let Some(others) = self.failed_said.say() {
            let (endpoint, spans) = (&self.to.settings.endpoint, batch.len());
            tracing::warn!(spans, others, "traces: {endpoint} did not take spans: {error:#}");
        }
        Err(OTelSdkError::InternalFailure(error.to_string()))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.clone();
    }
}

impl Collector {
    /// Sends a batch, some times if it may help.
    async fn send(&self, body: Bytes) -> Result<()> {
        let mut waits = WAITS.into_iter();
        loop {
            let time = self.settings.timeout;
            let sent = timeout(time, self.post(body.clone())).await;
            let sent = sent.unwrap_or_else(|_| {
                Err(Failed::ForNow(anyhow!("no answer in {} ms", time.as_millis())))
            });
            match (sent, waits.next()) {
                (Ok(()), _) => return Ok(()),
                (Err(Failed::ForNow(_)), Some(wait)) => sleep(wait).await,
                (Err(Failed::ForNow(error) | Failed::ForEver(error)), _) => return Err(error),
            }
        }
    }

    async fn post(&self, body: Bytes) -> Result<(), Failed> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.settings.endpoint.clone();
        *request.headers_mut() = self.settings.headers.clone();
        let protobuf = HeaderValue::from_static("application/x-protobuf");
        request.headers_mut().insert(CONTENT_TYPE, protobuf);
        let response = self.client.request(request).await.map_err(|error| {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            Failed::ForNow(anyhow!("{error}: {cause}"))
        })?;
        let status = response.status();
        // Read to its end, so that the connection can be used again.
        let _ = Limited::new(response.into_body(), ANSWER_MAX_BYTES).collect().await;
        match status {
            status if status.is_success() => Ok(()),
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Err(Failed::ForNow(anyhow!("it answered {status}"))),
            _ => Err(Failed::ForEver(anyhow!("it answered {status}"))),
        }
    }
}
