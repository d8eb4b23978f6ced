//! The two text formats that Prometheus reads. OpenMetrics 1.0 is what is written;
//! the older one, 0.0.4, is made of it, for what doesn't know the newer one.

use std::fmt::Write as _;

/// What metrics are told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4.
    Text,
}

impl Format {
    /// What is told to whom accepts this: OpenMetrics where it is named.
    #[must_use]
    pub fn for_accept(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    /// Its media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// Writes what was written as OpenMetrics in this format.
    pub(super) fn of_open_metrics(self, text: String) -> String {
        match self {
            Self::OpenMetrics => text,
            Self::Text => older(&text),
        }
    }
}

/// There, a counter's name ends in `_total` and that of an info in `_info` from the
/// beginning, an info is a gauge, and there are no units and no end.
fn older(text: &str) -> String {
    let mut older = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                _ => ("", kind),
            };
            let help = help.take().map_or("", |(_, help)| help);
            // Writing to a string doesn't fail.
            let _ = writeln!(older, "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with('#') {
            older.push_str(line);
            older.push('\n');
        }
    }
    older
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_has_its_names() {
        let text = "# HELP a_seconds Of a.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n\
            a_seconds_total{x=\"y\"} 1.5\n# HELP b What b is.\n# TYPE b info\nb_info{v=\"1\"} 1\n\
            # HELP c C.\n# TYPE c gauge\nc 3\n# EOF\n";
        let expected = "# HELP a_seconds_total Of a.\n# TYPE a_seconds_total counter\n\
            a_seconds_total{x=\"y\"} 1.5\n# HELP b_info What b is.\n# TYPE b_info gauge\n\
            b_info{v=\"1\"} 1\n# HELP c C.\n# TYPE c gauge\nc 3\n";
        assert_eq!(Format::Text.of_open_metrics(text.into()), expected);
        assert_eq!(Format::OpenMetrics.of_open_metrics(text.into()), text);
    }

    #[test]
    fn who_accepts_open_metrics_gets_it() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3,*/*;q=0.1";
        assert_eq!(Format::for_accept(prometheus), Format::OpenMetrics);
        assert_eq!(Format::for_accept("*/*"), Format::Text);
    }
}
