//! A handler's frame, as the socket is given it.

use super::bindings::wshost::handler::types::FrameResult as Frame;
use crate::websocket::{ControlPayload, Message, PayloadTooLong};

impl TryFrom<Frame> for Message {
    type Error = PayloadTooLong;

    fn try_from(frame: Frame) -> Result<Self, PayloadTooLong> {
        Ok(match frame {
            Frame::Text(text) => Self::Text(text.into()),
            Frame::Binary(data) => Self::Binary(data.into()),
            Frame::Ping(payload) => Self::Ping(ControlPayload::new(payload)?),
            Frame::Pong(payload) => Self::Pong(ControlPayload::new(payload)?),
        })
    }
}
