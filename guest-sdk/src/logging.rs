//! The `log` crate's logger and the panic hook: both write to the host's log.

use log::{LevelFilter, Log, Metadata, Record};

use crate::host;

/// Sends what is logged to the host.
struct HostLog;

impl Log for HostLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Asked each time, as the operator may change it at any time.
        host::max_level().is_some_and(|max| metadata.level() <= max)
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
        log::set_max_level(LevelFilter::Trace);
    }
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|info| {
        host::log(log::Level::Error, "panic", &panic_line(info));
    }));
}

/// What to log of a panic. Through standard error it would leave handles behind.
#[cfg(any(target_arch = "wasm32", test))]
fn panic_line(info: &std::panic::PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("a panic without a message");
    match info.location() {
        Some(location) => format!("{message}, at {location}"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::panic;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = told.clone();
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| tell.lock().unwrap().push(panic_line(info))));
        let number = 7;
        let _ = panic::catch_unwind(|| panic!("no {number}"));
        let _ = panic::catch_unwind(|| panic::panic_any(number));
        panic::set_hook(before);

        let told = told.lock().unwrap();
        assert!(told[0].starts_with("no 7, at "), "{told:?}");
        assert!(told[0].contains("logging.rs:"), "{told:?}");
        assert!(told[1].starts_with("a panic without a message, at "), "{told:?}");
    }
}
