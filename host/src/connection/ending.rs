//! Why a connection ends, and what each side is told: the one place where
//! reasons are mapped to close codes.

use std::io;

use super::guest::WakeError;
use crate::{
    sandbox::{
        CallError,
        types::{CloseFrameParam, ConnectionError, Reason},
    },
    websocket::{CloseCode, CloseFrame, DecodeError},
};

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// The handler said `close`.
    Close(Option<CloseFrame>),
    /// The handler said `stop`.
    Stop,
    /// The peer was silent for the idle timeout.
    Timeout,
    /// The peer said Close.
    Remote(Option<CloseFrame>),
    /// The peer sent what can't be decoded.
    Decode(DecodeError),
    /// The peer sent more than this setting allows.
    Rate(&'static str),
    /// The peer went without a Close.
    Gone,
    /// The socket failed.
    Io(io::Error),
    /// The handler trapped or overran its time in this callback.
    Call(&'static str, CallError),
    /// The handler returned what is not valid from this callback.
    Invalid(&'static str, String),
    /// The handler returned more than this setting allows.
    Limit(&'static str, &'static str),
    /// The handler's state can't be read, so that it can't sleep. A fault of the
    /// host's.
    Sleep(CallError),
    /// The handler sleeps, and can't be woken.
    Wake(WakeError),
    /// The peer reads too slowly for what is published.
    SlowReader,
    /// Another version of the plugin serves in its place, or none.
    Replaced,
    /// The host is going down.
    Shutdown,
    /// The operator closes it, by this frame.
    Operator(CloseFrame),
}

impl Ending {
    /// Whether the instance can still be called.
    pub(super) fn guest_is_sound(&self) -> bool {
        match self {
            Self::Call(..) | Self::Sleep(_) => false,
            // It sleeps on.
            Self::Wake(error) => matches!(error, WakeError::NoSlot),
            _ => true,
        }
    }

    /// Whether the peer can still be written to.
    pub(super) fn peer_is_there(&self) -> bool {
        !matches!(self, Self::Gone | Self::Io(_))
    }

    /// What the Close frame to the peer says; none: it has no code.
    pub(super) fn close_frame(&self) -> Option<CloseFrame> {
        let code = match self {
            Self::Close(frame) | Self::Remote(frame) => return frame.clone(),
            Self::Operator(frame) => return Some(frame.clone()),
            Self::Stop | Self::Timeout => CloseCode::NORMAL,
            Self::Decode(error) => error.close_code(),
            Self::Rate(_) => CloseCode::POLICY_VIOLATION,
            Self::Call(..) | Self::Invalid(..) | Self::Limit(..) => CloseCode::INTERNAL_ERROR,
            Self::SlowReader => CloseCode::TRY_AGAIN_LATER,
            Self::Wake(error) if error.is_for_want_of_room() => CloseCode::TRY_AGAIN_LATER,
            Self::Sleep(_) | Self::Wake(_) => CloseCode::INTERNAL_ERROR,
            Self::Replaced => CloseCode::SERVICE_RESTART,
            Self::Shutdown => CloseCode::GOING_AWAY,
            Self::Gone | Self::Io(_) => return None,
        };
        Some(code.into())
    }

    /// What `terminate` is told.
    pub(super) fn reason(&self) -> Reason<'_> {
        match self {
            Self::Close(_) => Reason::Normal,
            Self::Stop => Reason::Stop,
            Self::Timeout => Reason::Timeout,
            Self::Remote(frame) => {
                Reason::Remote(frame.as_ref().map(|frame| CloseFrameParam {
                    code: frame.code().get(),
                    reason: frame.reason(),
                }))
            }
            Self::Decode(DecodeError::Protocol(_)) => Reason::Error(ConnectionError::BadFrame),
            Self::Decode(DecodeError::Utf8(_)) => Reason::Error(ConnectionError::BadEncoding),
            Self::Decode(DecodeError::TooBig { .. }) => Reason::Error(ConnectionError::TooBig),
            Self::Gone => Reason::Error(ConnectionError::Closed),
            Self::Io(_) => Reason::Error(ConnectionError::Io),
            Self::Call(callback, _) => Reason::Other(callback),
            Self::Invalid(_, problem) => Reason::Other(problem),
            Self::Limit(_, name) | Self::Rate(name) => Reason::Limit(name),
            Self::SlowReader | Self::Wake(WakeError::NoSlot) => Reason::Overloaded,
            Self::Sleep(_) | Self::Wake(_) => Reason::Other("hibernation"),
            Self::Replaced => Reason::Replaced,
            Self::Shutdown => Reason::Shutdown,
            Self::Operator(_) => Reason::Operator,
        }
    }

    /// Why, in a few words, for the log.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Close(_) => "closed by the handler".into(),
            Self::Stop => "stopped by the handler".into(),
            Self::Timeout => "idle timeout".into(),
            Self::Remote(None) => "closed by the peer".into(),
            Self::Remote(Some(frame)) => format!("closed by the peer with {}", frame.code()),
            Self::Decode(error) => format!("refused: {error}"),
            Self::Rate(name) => format!("the peer sends too much ({name})"),
            Self::Gone => "the peer went without a Close".into(),
            Self::Io(error) => format!("the socket failed: {error}"),
            Self::Call(callback, error) => format!("`{callback}` {error}"),
            Self::Invalid(callback, problem) => format!("`{callback}` returned {problem}"),
            Self::Limit(callback, name) => format!("`{callback}` hit {name}"),
            Self::Sleep(error) => format!("it can't be put to sleep: {error}"),
            Self::Wake(error) => format!("it can't be woken: {error}"),
            Self::SlowReader => "the peer reads too slowly (send_queue_max_bytes)".into(),
            Self::Replaced => "its plugin was replaced or removed".into(),
            Self::Shutdown => "the host is going down".into(),
            Self::Operator(_) => "closed by the operator".into(),
        }
    }

    /// The setting that the handler or its peer went beyond, if they did.
    pub(super) fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Call(_, error) => error.setting(),
            Self::Limit(_, setting) => Some(setting),
            Self::SlowReader => Some("send_queue_max_bytes"),
            Self::Wake(WakeError::NoSlot) => Some("instance_wait_max_ms"),
            Self::Decode(DecodeError::TooBig { .. }) => Some("frame_size_bytes"),
            _ => None,
        }
    }

    /// Who has ended it, for the metrics.
    pub(super) fn side(&self) -> &'static str {
        match self {
            Self::Close(_) | Self::Stop => "handler",
            Self::Remote(_) | Self::Gone | Self::Io(_) => "peer",
            _ => "host",
        }
    }

    /// Why the handler failed, for the metrics; none: it did not.
    pub(super) fn failure(&self) -> Option<&'static str> {
        match self {
            Self::Call(_, error) => Some(error.kind()),
            Self::Invalid(..) => Some("invalid"),
            Self::Limit(..) => Some("limit"),
            Self::Wake(error) if error.is_for_want_of_room() => Some("no_room"),
            Self::Sleep(_) | Self::Wake(_) => Some("lost"),
            _ => None,
        }
    }

    /// The callback whose fault it is, if it is the handler's.
    pub(super) fn at_fault(&self) -> Option<&'static str> {
        match self {
            Self::Call(callback, _) | Self::Invalid(callback, _) | Self::Limit(callback, _) => {
                Some(callback)
            }
            _ => None,
        }
    }
}
