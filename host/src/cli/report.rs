//! What a command found, for people and for programs.

use std::io::{self, Write as _};

use anyhow::Result;
use serde_json::{Map, Value, json};

/// Named values. A name ends in its unit; in the table its underscores are blanks.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<(&'static str, Value)>,
}

impl Report {
    /// One more.
    pub(super) fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.rows.push((name, value.into()));
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
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|(name, value)| (name.replace('_', " "), show(value), value.is_number()))
            .collect();
        let names = rows.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
        let numbers = rows.iter().filter(|(.., is_number)| *is_number);
        let numbers = numbers.map(|(_, value, _)| value.len()).max().unwrap_or_default();
        let line = |(name, value, is_number): &(String, String, bool)| {
            if *is_number {
                return format!("{name:names$}  {value:>numbers$}");
            }
            let value = value.replace('\n', &format!("\n{:names$}  ", ""));
            format!("{name:names$}  {value}")
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(values) => values.iter().map(show).collect::<Vec<_>>().join("\n"),
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
        let mut report = Report::default();
        report.add("server", "ws://[::1]/");
        report.add("topics", vec!["one", "two"]);
        report.add("messages", 1_234_567);
        report.add("latency_p50_us", 12.345);
        report
    }

    #[test]
    fn a_table_for_people() {
        assert_eq!(
            report().table(),
            "server          ws://[::1]/\n\
             topics          one\n                \
             two\n\
             messages        1,234,567\n\
             latency p50 us      12.35"
        );
    }

    #[test]
    fn json_for_programs() {
        let parsed: Value = serde_json::from_str(&report().json()).unwrap();
        assert_eq!(parsed["messages"], 1_234_567);
        assert_eq!(parsed["latency_p50_us"], 12.345);
        assert_eq!(parsed["topics"][1], "two");
    }
}
