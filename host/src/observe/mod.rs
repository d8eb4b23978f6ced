//! What an operator sees: the log, traces, and what is counted.

mod budget;
mod guest_target;
mod log;
pub mod metrics;
mod seldom;
mod text;
pub mod traces;

pub use self::{
    budget::Budget,
    guest_target::{GuestLine, GuestTarget},
    log::{Log, LogFilter, LogFormat, log_filter, log_to_stderr},
    metrics::Metrics,
    seldom::Seldom,
    text::printable,
    traces::{Trace, Traces},
};
