//! Commands to the host, and how to list them.

use std::time::Duration;

use crate::{CloseCode, CloseFrame, ControlPayload, Frame, Timeout};

/// Something for the host to do; see [`Commands`] for how to make them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send this frame.
    Send(Frame),
    /// Start the closing handshake; none: with a Close frame without a code.
    Close(Option<CloseFrame>),
    /// Close with 1000.
    Stop,
    /// Read from the socket, or stop reading.
    Active(bool),
    /// Compress the frames that follow, or don't.
    Deflate(bool),
    /// Change options from now on.
    SetOptions(OptionChanges),
    /// The reason to record for the connection's end.
    ShutdownReason(String),
}

/// Options to change on an open connection; none leaves one as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionChanges {
    /// How long the peer may be silent.
    pub idle_timeout: Option<Timeout>,
    /// The most bytes of a message.
    pub max_frame_size: Option<u64>,
}

/// A list of things for the host to do, in this order.
///
/// A close ends the list, and gives a [`Closing`] that takes no more.
///
/// ```
/// use wshost_sdk::prelude::*;
///
/// # fn callback() -> impl Reply {
/// Commands::new()
///     .idle_timeout(Duration::from_secs(300))
///     .text("Welcome")
///     .binary([1, 2, 3])
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "commands do nothing unless the callback returns them"]
pub struct Commands(Vec<Command>);

impl Commands {
    /// None yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Send text.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.frame(Frame::Text(text.into()))
    }

    /// Send bytes.
    pub fn binary(self, data: impl Into<Vec<u8>>) -> Self {
        self.frame(Frame::Binary(data.into()))
    }

    /// Send a ping; the pong is shown to [`Handler::frame`](crate::Handler::frame).
    pub fn ping(self, payload: impl Into<ControlPayload>) -> Self {
        self.frame(Frame::Ping(payload.into()))
    }

    /// Send a pong that nobody asked for. The host answers pings itself.
    pub fn pong(self, payload: impl Into<ControlPayload>) -> Self {
        self.frame(Frame::Pong(payload.into()))
    }

    /// Send a frame.
    pub fn frame(self, frame: impl Into<Frame>) -> Self {
        self.and(Command::Send(frame.into()))
    }

    /// Read from the socket (true), or stop reading (false). The peer is then
    /// held back by flow control; nothing is lost.
    pub fn active(self, active: bool) -> Self {
        self.and(Command::Active(active))
    }

    /// Compress the frames that follow, where compression was agreed on.
    pub fn deflate(self, deflate: bool) -> Self {
        self.and(Command::Deflate(deflate))
    }

    /// From now on the peer may be silent for this long; see
    /// [`Accept::idle_timeout`](crate::Accept::idle_timeout).
    pub fn idle_timeout(self, timeout: Duration) -> Self {
        self.change_idle_timeout(Timeout::After(timeout))
    }

    /// From now on the peer may be silent for ever, as far as the operator
    /// allows.
    pub fn no_idle_timeout(self) -> Self {
        self.change_idle_timeout(Timeout::Infinity)
    }

    /// From now on a message may have this many bytes; see
    /// [`Accept::max_frame_size`](crate::Accept::max_frame_size).
    pub fn max_frame_size(self, bytes: u64) -> Self {
        self.and(Command::SetOptions(OptionChanges {
            max_frame_size: Some(bytes),
            ..OptionChanges::default()
        }))
    }

    /// The reason to record in logs and metrics when the connection ends.
    pub fn shutdown_reason(self, reason: impl Into<String>) -> Self {
        self.and(Command::ShutdownReason(reason.into()))
    }

    /// Start the closing handshake. A reason of more than 123 bytes is cut.
    pub fn close(self, code: CloseCode, reason: impl Into<String>) -> Closing {
        self.end(Command::Close(Some(CloseFrame::new(code, reason))))
    }

    /// Start the closing handshake with a Close frame that gives no code.
    pub fn close_without_code(self) -> Closing {
        self.end(Command::Close(None))
    }

    /// Close with 1000.
    pub fn stop(self) -> Closing {
        self.end(Command::Stop)
    }

    fn change_idle_timeout(self, timeout: Timeout) -> Self {
        self.and(Command::SetOptions(OptionChanges {
            idle_timeout: Some(timeout),
            ..OptionChanges::default()
        }))
    }

    fn and(mut self, command: Command) -> Self {
        self.0.push(command);
        self
    }

    fn end(self, command: Command) -> Closing {
        Closing(self.and(command).0)
    }

    pub(crate) fn into_list(self) -> Vec<Command> {
        self.0
    }
}

/// A list of commands that ends in a close: nothing can be sent behind it.
///
/// ```compile_fail,E0599
/// # use wshost_sdk::Commands;
/// let late = Commands::new().stop().text("too late");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "commands do nothing unless the callback returns them"]
pub struct Closing(Vec<Command>);

impl Closing {
    pub(crate) fn into_list(self) -> Vec<Command> {
        self.0
    }
}

/// Starts the closing handshake. A reason of more than 123 bytes is cut.
///
/// ```
/// use wshost_sdk::prelude::*;
///
/// # fn callback() -> impl Reply {
/// close(CloseCode::NORMAL, "some-reason")
/// # }
/// ```
pub fn close(code: CloseCode, reason: impl Into<String>) -> Closing {
    Commands::new().close(code, reason)
}

/// Closes with 1000.
pub fn stop() -> Closing {
    Commands::new().stop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_order() {
        let list = Commands::new()
            .text("t")
            .binary([1])
            .ping(b"pi")
            .pong(b"po")
            .active(false)
            .deflate(true)
            .shutdown_reason("why")
            .stop()
            .into_list();
        assert_eq!(
            list,
            [
                Command::Send(Frame::Text("t".into())),
                Command::Send(Frame::Binary(vec![1])),
                Command::Send(Frame::Ping(b"pi".into())),
                Command::Send(Frame::Pong(b"po".into())),
                Command::Active(false),
                Command::Deflate(true),
                Command::ShutdownReason("why".into()),
                Command::Stop,
            ]
        );
    }

    #[test]
    fn options_change_one_by_one() {
        let list = Commands::new()
            .idle_timeout(Duration::from_secs(1))
            .no_idle_timeout()
            .max_frame_size(9)
            .into_list();
        let changes = |idle_timeout, max_frame_size| {
            Command::SetOptions(OptionChanges { idle_timeout, max_frame_size })
        };
        assert_eq!(
            list,
            [
                changes(Some(Timeout::After(Duration::from_secs(1))), None),
                changes(Some(Timeout::Infinity), None),
                changes(None, Some(9)),
            ]
        );
    }

    #[test]
    fn a_close_can_do_without_a_code() {
        let list = Commands::new().close_without_code().into_list();
        assert_eq!(list, [Command::Close(None)]);
    }
}
