//! What a run found, for people and for programs.

use std::io::{self, Write as _};

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{crew::Measured, latency::Latency};

/// Named values. A name ends in its unit; in the table its underscores are blanks.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<(&'static str, Value)>,
}

impl Report {
    /// Of this scenario, on this server.
    pub(super) fn new(scenario: &str, url: &str) -> Self {
        let mut report = Self::default();
        report.add("scenario", scenario);
        report.add("server", url);
        report
    }

    /// One more.
    pub(super) fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.rows.push((name, value.into()));
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

    /// Writes it to standard output.
    pub(super) fn print(&self, as_json: bool) -> Result<()> {
        let mut text = if as_json { self.json() } else { self.table() };
        text.push('\n');
        io::stdout().write_all(text.as_bytes())?;
        Ok(())
    }

    fn json(&self) -> String {
        let object: Map<_, _> =
            self.rows.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        json!(object).to_string()
    }

    fn table(&self) -> String {
        let rows = self.rows.iter().map(|(name, value)| (name.replace('_', " "), show(value)));
        let rows: Vec<(String, String)> = rows.collect();
        let width = |of: fn(&(String, String)) -> &String| {
            rows.iter().map(|row| of(row).chars().count()).max().unwrap_or_default()
        };
        let (names, values) = (width(|row| &row.0), width(|row| &row.1));
        let line = |(name, value): &(String, String)| format!("{name:names$}  {value:>values$}");
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_u64() {
            Some(whole) => group(&whole.to_string()),
            None => show_fraction(number.as_f64().unwrap_or_default()),
        },
        other => other.to_string(),
    }
}

fn show_fraction(number: f64) -> String {
    let decimals = if number < 1000.0 { 2 } else { 0 };
    group(&format!("{number:.decimals$}"))
}

/// Puts commas between the thousands.
fn group(number: &str) -> String {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.char_indices() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped += ".";
    }
    grouped + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new("echo", "ws://[::1]/");
        report.add("messages", 1_234_567);
        report.add("latency_p50_us", 12.345);
        report
    }

    #[test]
    fn a_table_for_people() {
        assert_eq!(
            report().table(),
            "scenario               echo\n\
             server          ws://[::1]/\n\
             messages          1,234,567\n\
             latency p50 us        12.35"
        );
    }

    #[test]
    fn json_for_programs() {
        let parsed: Value = serde_json::from_str(&report().json()).unwrap();
        assert_eq!(parsed["messages"], 1_234_567);
        assert_eq!(parsed["latency_p50_us"], 12.345);
        assert_eq!(parsed["scenario"], "echo");
    }
}
