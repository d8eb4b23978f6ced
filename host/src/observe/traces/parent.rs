//! The span that a request says it belongs to (W3C Trace Context).

use std::str::FromStr as _;

use hyper::header::HeaderMap;
use opentelemetry::{
    SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceState},
};

/// The longest `tracestate` that is kept: what others have to pass on.
const STATE_MAX_BYTES: usize = 512;

/// That of a request; none, if it names none, or not as it must.
pub(super) fn of(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parents = headers.get_all("traceparent").iter();
    let parent = parents.next().filter(|_| parents.next().is_none())?;
    let (trace, span, flags) = parse(parent.to_str().ok()?)?;
    let context = SpanContext::new(trace, span, flags, true, state(headers));
    context.is_valid().then_some(context)
}

/// `00-` 32 digits `-` 16 digits `-` 2 digits; versions to come may go on behind that.
fn parse(parent: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let (head, rest) = parent.split_at_checked(55)?;
    let well_formed = head.bytes().enumerate().all(|(at, byte)| match at {
        2 | 35 | 52 => byte == b'-',
        _ => is_digit(byte),
    });
    let known_end = match &head[..2] {
        "ff" => false,
        "00" => rest.is_empty(),
        _ => rest.is_empty() || rest.starts_with('-'),
    };
    if !(well_formed && known_end) {
        return None;
    }
    let trace = TraceId::from_hex(&head[3..35]).ok()?;
    let span = SpanId::from_hex(&head[36..52]).ok()?;
    let flags = u8::from_str_radix(&head[53..], 16).ok()?;
    Some((trace, span, TraceFlags::new(flags) & TraceFlags::SAMPLED))
}

/// One that is not as it must be is none: the parent counts without it.
fn state(headers: &HeaderMap) -> TraceState {
    let fields = headers.get_all("tracestate").iter().map(|field| field.to_str());
    let list = fields.collect::<Result<Vec<_>, _>>().map(|fields| fields.join(","));
    let list = list.ok().filter(|list| list.len() <= STATE_MAX_BYTES);
    list.and_then(|list| TraceState::from_str(&list).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_parent_is_taken_with_its_state() {
        let parent = format!("00-{TRACE}-{SPAN}-03");
        let fields = headers(&[("traceparent", &parent), ("tracestate", "a=1,b=2")]);
        let context = of(&fields).unwrap();
        assert_eq!(context.trace_id().to_string(), TRACE);
        assert_eq!(context.span_id().to_string(), SPAN);
        assert!(context.is_sampled() && context.is_remote());
        assert_eq!(context.trace_state().header(), "a=1,b=2");
        let later = format!("01-{TRACE}-{SPAN}-00-more");
        assert!(!of(&headers(&[("traceparent", &later)])).unwrap().is_sampled());
    }

    #[test]
    fn what_is_no_parent_is_none() {
        let zeros = "0".repeat(32);
        for parent in [
            String::new(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-+{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00_{TRACE}-{SPAN}-01"),
        ] {
            assert_eq!(of(&headers(&[("traceparent", &parent)])), None, "{parent}");
        }
        let parent = format!("00-{TRACE}-{SPAN}-01");
        assert_eq!(of(&headers(&[("traceparent", &parent), ("traceparent", &parent)])), None);
        let odd = headers(&[("traceparent", &parent), ("tracestate", "no state")]);
        assert_eq!(of(&odd).unwrap().trace_state().header(), "");
    }
}
