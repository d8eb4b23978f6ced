//! Between the crate's types and the generated ones.

use super::wit;
use crate::accept::whole_millis;
use crate::presence::Present;
use crate::{
    Callbacks, CloseCode, CloseFrame, Command, ConnectionError, ControlPayload, Deflate, Error,
    Frame, HttpVersion, Message, OptionChanges, Options, Outcome, Peer, PresenceChange, Reason,
    Request, Response, Strategy, Timeout, TlsInfo,
};

// From the host.

impl From<wit::Request> for Request {
    fn from(request: wit::Request) -> Self {
        Self {
            id: request.id.into(),
            method: request.method,
            scheme: request.scheme,
            authority: request.authority,
            path: request.path,
            query: request.query,
            version: match request.version {
                wit::HttpVersion::Http10 => HttpVersion::Http10,
                wit::HttpVersion::Http11 => HttpVersion::Http11,
                wit::HttpVersion::Http2 => HttpVersion::Http2,
            },
            headers: request.headers,
            peer: Peer { address: request.peer.address, port: request.peer.port },
            tls: request.tls.map(|tls| TlsInfo {
                version: tls.version,
                alpn: tls.alpn,
                server_name: tls.server_name,
            }),
            upgrade: request.upgrade,
            subprotocols: request.subprotocols,
            parameters: request.parameters,
        }
    }
}

impl From<wit::Frame> for Frame {
    fn from(frame: wit::Frame) -> Self {
        match frame {
            wit::Frame::Text(text) => Self::Text(text),
            wit::Frame::Binary(data) => Self::Binary(data),
            wit::Frame::Ping(payload) => Self::Ping(ControlPayload::unchecked(payload)),
            wit::Frame::Pong(payload) => Self::Pong(ControlPayload::unchecked(payload)),
        }
    }
}

impl From<wit::CloseFrame> for CloseFrame {
    fn from(frame: wit::CloseFrame) -> Self {
        Self::unchecked(CloseCode::unchecked(frame.code), frame.reason)
    }
}

impl From<wit::Message> for Message {
    fn from(message: wit::Message) -> Self {
        match message {
            wit::Message::Timer(event) => {
                Self::Timer { id: event.id.into(), payload: event.payload }
            }
            wit::Message::Direct(message) => {
                Self::Direct { sender: message.sender.into(), payload: message.payload }
            }
            wit::Message::Published(message) => Self::Published {
                topic: message.topic,
                sender: message.sender.map(Into::into),
                payload: message.payload,
                position: message.position.map(Into::into),
            },
            wit::Message::Operator(payload) => Self::Operator(payload),
            wit::Message::Down(event) => Self::Down { id: event.id.into(), reason: event.reason },
            wit::Message::Call(event) => Self::Call {
                sender: event.sender.into(),
                call: event.call.into(),
                payload: event.payload,
            },
            wit::Message::Reply(event) => {
                Self::Reply { call: event.call.into(), answer: event.answer.map_err(Into::into) }
            }
            wit::Message::Presence(event) => Self::Presence {
                topic: event.topic,
                change: match event.change {
                    wit::PresenceChange::Joined => PresenceChange::Joined,
                    wit::PresenceChange::Updated => PresenceChange::Updated,
                    wit::PresenceChange::Left => PresenceChange::Left,
                },
                present: event.present.into(),
            },
            wit::Message::Gap(topic) => Self::Gap { topic },
        }
    }
}

impl From<wit::Present> for Present {
    fn from(present: wit::Present) -> Self {
        Self { id: present.id.into(), name: present.name, metadata: present.metadata }
    }
}

impl From<wit::Reason> for Reason {
    fn from(reason: wit::Reason) -> Self {
        match reason {
            wit::Reason::Normal => Self::Normal,
            wit::Reason::Stop => Self::Stop,
            wit::Reason::Timeout => Self::Timeout,
            wit::Reason::Remote(frame) => Self::Remote(frame.map(Into::into)),
            wit::Reason::Error(error) => Self::Error(match error {
                wit::ConnectionError::BadEncoding => ConnectionError::BadEncoding,
                wit::ConnectionError::BadFrame => ConnectionError::BadFrame,
                wit::ConnectionError::TooBig => ConnectionError::TooBig,
                wit::ConnectionError::Closed => ConnectionError::Closed,
                wit::ConnectionError::Io => ConnectionError::Io,
            }),
            wit::Reason::Limit(which) => Self::Limit(which),
            wit::Reason::Overloaded => Self::Overloaded,
            wit::Reason::Shutdown => Self::Shutdown,
            wit::Reason::Replaced => Self::Replaced,
            wit::Reason::Operator => Self::Operator,
            wit::Reason::Other(text) => Self::Other(text),
        }
    }
}

impl From<wit::Error> for Error {
    fn from(error: wit::Error) -> Self {
        match error {
            wit::Error::NotOpen => Self::NotOpen,
            wit::Error::Invalid(how) => Self::Invalid(how),
            wit::Error::Limit(which) => Self::Limit(which),
            wit::Error::Denied(what) => Self::Denied(what),
            wit::Error::Unavailable(what) => Self::Unavailable(what),
        }
    }
}

// To the host.

impl From<Response> for wit::Answer {
    fn from(response: Response) -> Self {
        match response.parts {
            Some(parts) => Self::Respond(wit::Response {
                status: parts.status,
                headers: parts.headers,
                body: parts.body,
            }),
            None => Self::Refuse,
        }
    }
}

impl From<Timeout> for wit::Timeout {
    fn from(timeout: Timeout) -> Self {
        match timeout {
            Timeout::After(time) => Self::After(whole_millis(time)),
            Timeout::Infinity => Self::Infinity,
        }
    }
}

impl From<Deflate> for wit::DeflateOptions {
    fn from(deflate: Deflate) -> Self {
        Self {
            level: deflate.level,
            mem_level: deflate.mem_level,
            strategy: deflate.strategy.map(|strategy| match strategy {
                Strategy::Standard => wit::DeflateStrategy::Standard,
                Strategy::Filtered => wit::DeflateStrategy::Filtered,
                Strategy::HuffmanOnly => wit::DeflateStrategy::HuffmanOnly,
                Strategy::Rle => wit::DeflateStrategy::Rle,
            }),
            server_context_takeover: deflate.server_context_takeover,
            client_context_takeover: deflate.client_context_takeover,
            server_max_window_bits: deflate.server_max_window_bits,
            client_max_window_bits: deflate.client_max_window_bits,
            threshold: deflate.threshold,
        }
    }
}

impl From<Callbacks> for wit::Callbacks {
    fn from(callbacks: Callbacks) -> Self {
        [
            (callbacks.opened, Self::OPENED),
            (callbacks.frames, Self::FRAMES),
            (callbacks.info, Self::INFO),
            (callbacks.terminate, Self::TERMINATE),
        ]
        .into_iter()
        .filter(|(wanted, _)| *wanted)
        .fold(Self::empty(), |flags, (_, flag)| flags | flag)
    }
}

impl From<Options> for wit::Options {
    fn from(options: Options) -> Self {
        Self {
            idle_timeout: options.idle_timeout.map(Into::into),
            max_frame_size: options.max_frame_size,
            compress: options.compress.map(Into::into),
            keep_alive: options.keep_alive.map(whole_millis),
            control_frames: options.control_frames,
            callbacks: options.callbacks.into(),
        }
    }
}

impl From<Frame> for wit::Frame {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Text(text) => Self::Text(text),
            Frame::Binary(data) => Self::Binary(data),
            Frame::Ping(payload) => Self::Ping(payload.into_bytes()),
            Frame::Pong(payload) => Self::Pong(payload.into_bytes()),
        }
    }
}

impl From<CloseFrame> for wit::CloseFrame {
    fn from(frame: CloseFrame) -> Self {
        let (code, reason) = frame.into_parts();
        Self { code: code.get(), reason }
    }
}

impl From<OptionChanges> for wit::OptionChanges {
    fn from(changes: OptionChanges) -> Self {
        Self {
            idle_timeout: changes.idle_timeout.map(Into::into),
            max_frame_size: changes.max_frame_size,
        }
    }
}

impl From<Command> for wit::Command {
    fn from(command: Command) -> Self {
        match command {
            Command::Send(frame) => Self::Send(frame.into()),
            Command::Close(frame) => Self::Close(frame.map(Into::into)),
            Command::Stop => Self::Stop,
            Command::Active(active) => Self::Active(active),
            Command::Deflate(deflate) => Self::Deflate(deflate),
            Command::SetOptions(changes) => Self::SetOptions(changes.into()),
            Command::ShutdownReason(reason) => Self::ShutdownReason(reason),
        }
    }
}

impl From<Outcome> for wit::Outcome {
    fn from(outcome: Outcome) -> Self {
        let (commands, hibernate) = outcome.into_parts();
        #[cfg(feature = "zeroing-allocator")]
        if hibernate {
            super::alloc::hibernates();
        }
        Self { commands: commands.into_iter().map(Into::into).collect(), hibernate }
    }
}
