//! The `log` crate's logger and the panic hook: both write to the host's log.

use std::panic::PanicHookInfo;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::host;

/// Sends what is logged to the host.
struct HostLog;

impl Log for HostLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let message = record.args();
            match message.as_str() {
                Some(text) => host::log(record.level(), record.target(), text),
                None => host::log(record.level(), record.target(), &message.to_string()),
            }
        }
    }

    fn flush(&self) {}
}

/// Has logs and panics go to the host from now on. A logger that is there
/// already stays.
pub(crate) fn install() {
    if log::set_logger(&HostLog).is_ok() {
        log::set_max_level(
            host::max_level().map_or(LevelFilter::Off, |level| level.to_level_filter()),
        );
    }
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|info| report(info)));
}

/// Writes a panic to the host's log. Through standard error it would leave
/// handles behind.
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
fn report(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("a panic without a message");
    let message = match info.location() {
        Some(location) => format!("{message}, at {location}"),
        None => message.to_owned(),
    };
    host::log(Level::Error, "panic", &message);
}
