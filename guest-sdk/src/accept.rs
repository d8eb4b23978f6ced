//! Saying yes to a WebSocket, and its options.

use std::time::Duration;

use crate::{Deflate, Fields, Handler};

/// How long a peer may be silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// This long. The host counts whole milliseconds; a fraction is rounded up.
    After(Duration),
    /// For ever.
    Infinity,
}

/// The callbacks that a handler wants. For another one nobody is woken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Callbacks {
    /// [`Handler::opened`].
    pub opened: bool,
    /// [`Handler::frames`], and with it `frame`, `text` and `binary`.
    pub frames: bool,
    /// [`Handler::info`].
    pub info: bool,
    /// [`Handler::terminate`].
    pub terminate: bool,
}

impl Callbacks {
    /// All of them.
    pub const ALL: Self = Self { opened: true, frames: true, info: true, terminate: true };
}

/// The options of a connection, as [`Accept`] has them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How long the peer may be silent; none: the operator's default.
    pub idle_timeout: Option<Timeout>,
    /// The most bytes of a message; none: the operator's default.
    pub max_frame_size: Option<u64>,
    /// Compression on offer; none: off.
    pub compress: Option<Deflate>,
    /// The host's pings; none: the operator's default.
    pub keep_alive: Option<Duration>,
    /// Whether pings and pongs are shown to the handler.
    pub control_frames: bool,
    /// The callbacks wanted.
    pub callbacks: Callbacks,
}

/// Says yes to a WebSocket: the connection's first state, and its options.
///
/// The operator caps each option; a value above its cap is lowered to it.
///
/// ```
/// use wshost_sdk::prelude::*;
/// # struct Chat;
/// # impl Handler for Chat {
///
/// fn init(_: Request) -> Result<Accept<Self>, Response> {
///     Ok(Accept::new(Chat)
///         .idle_timeout(Duration::from_secs(30))
///         .max_frame_size(8_000_000)
///         .compress(Deflate::new().level(6)))
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a WebSocket is accepted by returning this"]
pub struct Accept<H> {
    pub(crate) state: H,
    pub(crate) subprotocol: Option<String>,
    pub(crate) headers: Fields,
    pub(crate) options: Options,
}

impl<H: Handler> Accept<H> {
    /// Accepts, with this state, without a subprotocol, with the operator's
    /// default options.
    pub fn new(state: H) -> Self {
        Self {
            state,
            subprotocol: None,
            headers: Fields::new(),
            options: Options {
                idle_timeout: None,
                max_frame_size: None,
                compress: None,
                keep_alive: None,
                control_frames: H::CONTROL_FRAMES,
                callbacks: H::CALLBACKS,
            },
        }
    }

    /// Picks one of the [subprotocols offered](crate::Request::subprotocols).
    /// One that was not offered is this handler's error: the client gets 500.
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocol = Some(name.into());
        self
    }

    /// Adds a header field to the answer (101; over HTTP/2: 200). The
    /// handshake's own can't be set: `connection`, `upgrade`,
    /// `sec-websocket-*`, `content-length`, `transfer-encoding`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Closes the connection with 1000 after this long without a byte
    /// received; the default is the operator's, 60 s if it was not changed.
    /// Zero is this handler's error: the client gets 500.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.options.idle_timeout = Some(Timeout::After(timeout));
        self
    }

    /// Lets the peer be silent for ever, as far as the operator allows.
    pub fn no_idle_timeout(mut self) -> Self {
        self.options.idle_timeout = Some(Timeout::Infinity);
        self
    }

    /// Refuses, with 1009, a message of more bytes than this, fragments joined
    /// and inflated; the default is the operator's, 1 MB if it was not changed.
    /// Zero is this handler's error: the client gets 500.
    pub fn max_frame_size(mut self, bytes: u64) -> Self {
        self.options.max_frame_size = Some(bytes);
        self
    }

    /// Offers compression. It is used where the client offers it too.
    pub fn compress(mut self, deflate: Deflate) -> Self {
        self.options.compress = Some(deflate);
        self
    }

    /// Has the host send a ping after this long without a byte received, and
    /// then each time that it passes again. The host does it without waking
    /// anyone. Zero is this handler's error: the client gets 500.
    pub fn keep_alive(mut self, every: Duration) -> Self {
        self.options.keep_alive = Some(every);
        self
    }

    /// Shows pings and pongs to [`Handler::frames`], or leaves them to the
    /// host, so that a client's keep-alive wakes nobody. The default is to
    /// show them where `frame` or `frames` is written.
    pub fn control_frames(mut self, show: bool) -> Self {
        self.options.control_frames = show;
        self
    }

    /// Names the callbacks wanted; the default is those that are written.
    pub fn callbacks(mut self, callbacks: Callbacks) -> Self {
        self.options.callbacks = callbacks;
        self
    }
}

/// A duration as the host counts it: whole milliseconds, a fraction rounded up.
#[cfg(any(target_arch = "wasm32", test))]
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_of_a_millisecond_is_one() {
        assert_eq!(whole_millis(Duration::ZERO), 0);
        assert_eq!(whole_millis(Duration::from_nanos(1)), 1);
        assert_eq!(whole_millis(Duration::from_millis(30)), 30);
        assert_eq!(whole_millis(Duration::MAX), u64::MAX);
    }
}
