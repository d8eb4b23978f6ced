//! What OpenTelemetry's environment variables say of traces. Those of samplers, batches
//! and resources are read by its SDK; a value that it would silently pass over is an
//! error here.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use hyper::{
    Uri,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use opentelemetry_sdk::trace::{OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT};
use percent_encoding::percent_decode_str;

/// What the specification of OTLP has as its default.
const TIMEOUT_MS: u64 = 10_000;

const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// Where spans go, and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) endpoint: Uri,
    pub(super) headers: HeaderMap,
    /// For one attempt.
    pub(super) timeout: Duration,
    /// Spans that wait to be sent.
    pub(super) queue_max: usize,
}

impl Settings {
    /// Reads them; `variable` has those that are set and not empty. None: no collector
    /// is named, or traces are switched off.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        let off = variable("OTEL_SDK_DISABLED").is_some_and(|it| it.eq_ignore_ascii_case("true"));
        let exporter = variable("OTEL_TRACES_EXPORTER");
        if off || exporter.as_deref() == Some("none") {
            return Ok(None);
        }
        let Some(endpoint) = endpoint(&variable)? else { return Ok(None) };
        if let Some(exporter) = exporter.filter(|exporter| exporter != "otlp") {
            bail!("OTEL_TRACES_EXPORTER={exporter}: there is `otlp`, or `none`");
        }
        // What is said of traces goes before what is said of all.
        let otlp = |what: &str| {
            [format!("OTEL_EXPORTER_OTLP_TRACES_{what}"), format!("OTEL_EXPORTER_OTLP_{what}")]
                .into_iter()
                .find_map(|name| Some((variable(&name)?, name)))
        };
        if let Some((protocol, name)) = otlp("PROTOCOL").filter(|(it, _)| it != "http/protobuf") {
            bail!(
                "{name}={protocol}: spans are sent by http/protobuf and nothing else; leave it out, \
                 and name the collector's port for HTTP, mostly 4318"
            );
        }
        if let Some(sampler) = variable("OTEL_TRACES_SAMPLER") {
            ensure!(
                SAMPLERS.contains(&&*sampler),
                "OTEL_TRACES_SAMPLER={sampler}: there are {}",
                SAMPLERS.join(", ")
            );
        }
        let timeout = match otlp("TIMEOUT") {
            Some((value, name)) => number(&name, &value)?,
            None => TIMEOUT_MS,
        };
        let queue_max = match variable(OTEL_BSP_MAX_QUEUE_SIZE) {
            Some(value) => usize::try_from(number(OTEL_BSP_MAX_QUEUE_SIZE, &value)?)?,
            None => OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT,
        };
        let headers = otlp("HEADERS").map(|(list, name)| headers(&list).context(name));
        Ok(Some(Self {
            endpoint,
            headers: headers.transpose()?.unwrap_or_default(),
            timeout: Duration::from_millis(timeout),
            queue_max,
        }))
    }
}

/// That for traces is taken as it is, to the general one their path is added.
fn endpoint(variable: &impl Fn(&str) -> Option<String>) -> Result<Option<Uri>> {
    let (traces, general) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT");
    let (name, url) = match (variable(traces), variable(general)) {
        (Some(url), _) => (traces, url),
        (None, Some(url)) => (general, format!("{}/v1/traces", url.trim_end_matches('/'))),
        (None, None) => return Ok(None),
    };
    let uri = url.parse::<Uri>().ok();
    let uri = uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    let uri = uri.with_context(|| format!("{name}: `{url}` is no URL as http://collector:4318"))?;
    Ok(Some(uri))
}

fn number(name: &str, value: &str) -> Result<u64> {
    let number = value.trim().parse().ok().filter(|number| *number > 0);
    number.with_context(|| format!("{name}={value}: give a whole number above 0"))
}

/// `name=value,name=value`, with percent escapes in the values.
fn headers(list: &str) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in list.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        // Its value may be a secret.
        let (name, value) = pair.split_once('=').context("a part of it has no `=`")?;
        let name: HeaderName = name.trim().parse().context("a name in it is none of a header")?;
        let value: Vec<u8> = percent_decode_str(value.trim()).collect();
        let mut value = HeaderValue::from_bytes(&value)
            .with_context(|| format!("the value of {name} can't be a header's"))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>> {
        Settings::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn refused(name: &str, value: &str) -> String {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        format!("{:#}", read(&[endpoint, (name, value)]).unwrap_err())
    }

    #[test]
    fn there_are_traces_where_a_collector_is_named() {
        assert_eq!(read(&[]).unwrap(), None);
        let general = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
        let settings = read(&[general]).unwrap().unwrap();
        assert_eq!(settings.endpoint, "http://collector:4318/v1/traces");
        assert_eq!((settings.timeout.as_millis(), settings.queue_max), (10_000, 2_048));
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces/here");
        let timeout = ("OTEL_EXPORTER_OTLP_TIMEOUT", "500");
        let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x=y");
        let settings = read(&[general, own, timeout, headers]).unwrap().unwrap();
        assert_eq!(settings.endpoint, "https://traces/here");
        assert_eq!(settings.timeout.as_millis(), 500);
        assert_eq!(
            (&settings.headers["api-key"], &settings.headers["x"]),
            (&"a b".parse().unwrap(), &"y".parse().unwrap())
        );
        for off in [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_TRACES_EXPORTER", "none")] {
            assert_eq!(read(&[general, off]).unwrap(), None);
        }
    }

    #[test]
    fn what_can_not_be_followed_is_said() {
        for (name, value, says) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "mostly 4318"),
            ("OTEL_TRACES_EXPORTER", "zipkin", "`otlp`"),
            ("OTEL_TRACES_SAMPLER", "often", "always_on"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "whole number"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "whole number"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4317", "no URL"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret", "no `=`"),
        ] {
            let error = refused(name, value);
            assert!(error.contains(name) && error.contains(says), "{error}");
        }
        assert!(!refused("OTEL_EXPORTER_OTLP_HEADERS", "secret").contains("secret"));
    }
}
