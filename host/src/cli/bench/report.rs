//! What a run of the load generator has to tell.

use super::{crew::Measured, latency::Latency};
pub(super) use crate::cli::report::Report;

impl Report {
    /// Of this scenario, on this server.
    pub(super) fn new(scenario: &str, url: &str) -> Self {
        let mut report = Self::default();
        report.add("scenario", scenario);
        report.add("server", url);
        report
    }

    /// The usual percentiles, if anything was recorded.
    pub(super) fn add_latency(&mut self, latency: &Latency) {
        for (name, quantile) in [
            ("latency_p50_us", 0.5),
            ("latency_p90_us", 0.9),
            ("latency_p99_us", 0.99),
            ("latency_p999_us", 0.999),
            ("latency_max_us", 1.0),
        ] {
            if let Some(us) = latency.quantile_us(quantile) {
                self.add(name, us);
            }
        }
    }

    /// What every run that counts has to tell. The names are those of the
    /// count, per second, and per second of the server's processor time.
    pub(super) fn add_measured(&mut self, names: [&'static str; 3], measured: &Measured) {
        let [count, per_second, per_cpu_second] = names;
        self.add("seconds", measured.seconds);
        self.add(count, measured.count);
        self.add(per_second, measured.count as f64 / measured.seconds);
        if let Some(cpu_seconds) = measured.server_cpu_seconds {
            self.add("server_cpu_seconds", cpu_seconds);
            if cpu_seconds > 0.0 {
                self.add(per_cpu_second, measured.count as f64 / cpu_seconds);
            }
        }
        self.add("client_threads", measured.client_threads);
        self.add("client_cpu_seconds", measured.client_cpu_seconds);
    }
}
