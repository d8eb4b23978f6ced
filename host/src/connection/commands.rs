//! Carries out what a callback returned and asked for.

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Connection, ending::Ending};
use crate::{
    sandbox::types::{Command, FrameResult},
    websocket::{CloseFrame, Message},
};

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Does the commands in their order. The ending that one of them asks for
    /// is returned; those behind it are dropped.
    ///
    /// # Errors
    /// A command that is not valid: the handler's error.
    pub(super) fn commands(
        &mut self,
        callback: &'static str,
        commands: Vec<Command>,
    ) -> Result<Option<Ending>, Ending> {
        let config = &self.shared.config;
        if commands.len() > config.commands_max {
            return Err(Ending::Limit(callback, "commands_max"));
        }
        if output_bytes(&commands) > config.output_max_bytes {
            return Err(Ending::Limit(callback, "output_max_bytes"));
        }
        for command in commands {
            let ending =
                self.command(command).map_err(|problem| Ending::Invalid(callback, problem))?;
            if ending.is_some() {
                return Ok(ending);
            }
        }
        Ok(None)
    }

    fn command(&mut self, command: Command) -> Result<Option<Ending>, String> {
        match command {
            Command::Send(frame) => {
                let message = Message::try_from(frame)
                    .map_err(|error| format!("a frame that is not valid: {error}"))?;
                self.wire.push(&message, &self.shared.plugin.tenant);
            }
            Command::Close(None) => return Ok(Some(Ending::Close(None))),
            Command::Close(Some(frame)) => {
                let frame = CloseFrame::new(frame.code, frame.reason)
                    .map_err(|error| format!("a close that is not valid: {error}"))?;
                return Ok(Some(Ending::Close(Some(frame))));
            }
            Command::Stop => return Ok(Some(Ending::Stop)),
            Command::Active(active) => self.wire.set_active(active),
            Command::Deflate(on) => self.wire.set_compressing(on),
            Command::SetOptions(changes) => {
                self.options.change(&changes, &self.shared.config)?;
                self.wire.set_frame_size_max(self.options.frame_size_max);
            }
            Command::ShutdownReason(reason) => {
                self.seldom.get_or_insert_default().shutdown_reason = Some(reason);
            }
        }
        Ok(None)
    }
}

/// The bytes of the frames among them.
pub(super) fn output_bytes(commands: &[Command]) -> usize {
    let bytes = |command: &Command| match command {
        Command::Send(FrameResult::Text(text)) => text.len(),
        Command::Send(
            FrameResult::Binary(data) | FrameResult::Ping(data) | FrameResult::Pong(data),
        ) => data.len(),
        _ => 0,
    };
    commands.iter().map(bytes).sum()
}
