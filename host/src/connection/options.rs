//! The options in force on one connection.

use std::time::Duration;

use crate::{
    config::{Config, Millis},
    sandbox::types::{
        Callbacks, DeflateStrategy as AskedStrategy, OptionChanges, Options as Asked, Timeout,
    },
    websocket::{DeflateOptions, DeflateStrategy, OutOfRange},
};

/// What the handler asked for, under the operator's caps.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long the peer may be silent.
    pub idle_timeout: Option<Duration>,
    /// The largest message taken from it, in bytes.
    pub frame_size_max: usize,
    /// How long it is silent before it gets a ping.
    pub keep_alive: Option<Duration>,
    /// Whether pings and pongs are shown to the handler.
    pub control_frames: bool,
    /// The callbacks that the handler wants.
    pub callbacks: Callbacks,
}

impl Options {
    /// Takes what `init` answered.
    ///
    /// # Errors
    /// A time or size of 0.
    pub fn new(asked: &Asked, config: &Config) -> Result<Self, &'static str> {
        let keep_alive = match asked.keep_alive {
            None => config.keep_alive_ms.duration(),
            Some(0) => return Err("a keep-alive of 0 ms"),
            Some(ms) => Some(Duration::from_millis(ms.max(config.keep_alive_min_ms))),
        };
        let mut options = Self {
            idle_timeout: config.idle_timeout_ms.min(config.idle_timeout_max_ms).duration(),
            frame_size_max: config.frame_size_bytes.min(config.frame_size_max_bytes),
            keep_alive,
            control_frames: asked.control_frames,
            callbacks: asked.callbacks,
        };
        let (idle_timeout, max_frame_size) = (asked.idle_timeout, asked.max_frame_size);
        options.change(&OptionChanges { idle_timeout, max_frame_size }, config)?;
        Ok(options)
    }

    /// Takes a change.
    ///
    /// # Errors
    /// A time or size of 0; nothing is changed then.
    pub fn change(&mut self, changes: &OptionChanges, config: &Config) -> Result<(), &'static str> {
        if matches!(changes.idle_timeout, Some(Timeout::After(0))) {
            return Err("an idle timeout of 0 ms");
        }
        match changes.max_frame_size {
            None => {}
            Some(0) => return Err("a largest frame of 0 bytes"),
            Some(bytes) => {
                let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
                self.frame_size_max = bytes.min(config.frame_size_max_bytes);
            }
        }
        let asked = match changes.idle_timeout {
            None => return Ok(()),
            Some(Timeout::After(ms)) => Millis::After(ms),
            Some(Timeout::Infinity) => Millis::Infinity,
        };
        self.idle_timeout = asked.min(config.idle_timeout_max_ms).duration();
        Ok(())
    }
}

/// What the handler asks of compression, under the operator's caps; none: nothing
/// is compressed.
///
/// # Errors
/// A value out of its range, by name.
pub fn deflate_options(
    asked: &Asked,
    config: &Config,
) -> Result<Option<DeflateOptions>, OutOfRange> {
    let Some(asked) = &asked.compress else { return Ok(None) };
    let mut options = DeflateOptions::default();
    if let Some(level) = asked.level {
        options.set_level(level)?;
    }
    if let Some(level) = asked.mem_level {
        options.set_mem_level(level)?;
    }
    if let Some(strategy) = asked.strategy {
        options.set_strategy(match strategy {
            AskedStrategy::Standard => DeflateStrategy::Default,
            AskedStrategy::Filtered => DeflateStrategy::Filtered,
            AskedStrategy::HuffmanOnly => DeflateStrategy::HuffmanOnly,
            AskedStrategy::Rle => DeflateStrategy::Rle,
        });
    }
    if let Some(takeover) = asked.server_context_takeover {
        options.set_server_context_takeover(takeover);
    }
    if let Some(takeover) = asked.client_context_takeover {
        options.set_client_context_takeover(takeover);
    }
    if let Some(bits) = asked.server_max_window_bits {
        options.set_server_max_window_bits(bits)?;
    }
    if let Some(bits) = asked.client_max_window_bits {
        options.set_client_max_window_bits(bits)?;
    }
    if let Some(bytes) = asked.threshold {
        options.set_threshold_bytes(usize::try_from(bytes).unwrap_or(usize::MAX));
    }
    options.cap_level(config.deflate_level_max)?;
    options.cap_mem_level(config.deflate_mem_level_max)?;
    options.cap_window_bits(config.deflate_window_bits_max)?;
    Ok(Some(options))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::types::DeflateOptions as AskedDeflate;

    fn asked() -> Asked {
        Asked {
            idle_timeout: None,
            max_frame_size: None,
            compress: None,
            keep_alive: None,
            control_frames: true,
            callbacks: Callbacks::all(),
        }
    }

    #[test]
    fn defaults_are_the_operators() {
        let options = Options::new(&asked(), &Config::default()).unwrap();
        assert_eq!(options.idle_timeout, Some(Duration::from_secs(60)));
        assert_eq!(options.frame_size_max, 1_000_000);
        assert_eq!(options.keep_alive, None);
    }

    #[test]
    fn what_is_asked_for_is_capped() {
        let mut config = Config::default();
        config.set("idle_timeout_max_ms=5000").unwrap();
        let asked = Asked {
            idle_timeout: Some(Timeout::Infinity),
            max_frame_size: Some(u64::MAX),
            ..asked()
        };
        let mut options = Options::new(&asked, &config).unwrap();
        assert_eq!(options.idle_timeout, Some(Duration::from_secs(5)));
        assert_eq!(options.frame_size_max, 32 * 1024 * 1024);
        let changes =
            OptionChanges { idle_timeout: Some(Timeout::After(10)), max_frame_size: None };
        options.change(&changes, &config).unwrap();
        assert_eq!(options.idle_timeout, Some(Duration::from_millis(10)));
    }

    #[test]
    fn compression_is_capped() {
        let mut config = Config::default();
        let caps = ["deflate_level_max=3", "deflate_mem_level_max=2", "deflate_window_bits_max=11"];
        for cap in caps {
            config.set(cap).unwrap();
        }
        let compress = |level, mem_level, server_bits, client_bits| Asked {
            compress: Some(AskedDeflate {
                level,
                mem_level,
                strategy: None,
                server_context_takeover: None,
                client_context_takeover: None,
                server_max_window_bits: server_bits,
                client_max_window_bits: client_bits,
                threshold: None,
            }),
            ..asked()
        };
        let expected = |level, mem_level, server_bits, client_bits| {
            let mut options = DeflateOptions::default();
            options.set_level(level)?;
            options.set_mem_level(mem_level)?;
            options.set_server_max_window_bits(server_bits)?;
            options.set_client_max_window_bits(client_bits)?;
            Ok(Some(options))
        };
        let none = compress(None, None, None, None);
        assert_eq!(deflate_options(&none, &config), expected(3, 2, 11, 11), "the defaults");
        let more = compress(Some(9), Some(9), Some(15), Some(12));
        assert_eq!(deflate_options(&more, &config), expected(3, 2, 11, 11));
        let less = compress(Some(2), Some(1), Some(10), Some(9));
        assert_eq!(deflate_options(&less, &config), expected(2, 1, 10, 9));
        let wrong = compress(Some(10), None, None, None);
        assert!(deflate_options(&wrong, &config).is_err(), "a cap makes nothing valid");
        assert_eq!(deflate_options(&asked(), &config), Ok(None));
    }

    #[test]
    fn nothing_is_zero() {
        let config = Config::default();
        assert!(Options::new(&Asked { keep_alive: Some(0), ..asked() }, &config).is_err());
        assert!(Options::new(&Asked { max_frame_size: Some(0), ..asked() }, &config).is_err());
        assert!(
            Options::new(&Asked { idle_timeout: Some(Timeout::After(0)), ..asked() }, &config)
                .is_err()
        );
    }
}
