//! One line on a terminal that tells how far a run is.

use std::io::{self, IsTerminal as _, Write as _};

const WIDTH: usize = 30;

/// The line. It is gone when this is dropped. Where standard error is no
/// terminal there is none.
pub(super) struct Progress {
    on_terminal: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { on_terminal: io::stderr().is_terminal() }
    }

    /// Shows that `part` of all (1 is all) is done, and something more.
    pub(super) fn show(&self, part: f64, what: &str) {
        if self.on_terminal {
            // It is only for show.
            let _ = write!(io::stderr(), "\r\x1b[K{} {what}", bar(part));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.on_terminal {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn bar(part: f64) -> String {
    let done = (0..WIDTH).filter(|place| (*place as f64 + 0.5) / (WIDTH as f64) < part).count();
    format!("[{}{}] {:3.0} %", "#".repeat(done), ".".repeat(WIDTH - done), part.min(1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        assert_eq!(bar(0.0), format!("[{}]   0 %", ".".repeat(WIDTH)));
        assert_eq!(bar(0.5), format!("[{}{}]  50 %", "#".repeat(15), ".".repeat(15)));
        assert_eq!(bar(7.0), format!("[{}] 100 %", "#".repeat(WIDTH)));
    }
}
