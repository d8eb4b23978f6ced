//! What one connection says and hears, one message at a time.

use std::sync::Arc;

use super::{
    frames::TEXT,
    pattern::{Messages, Pattern},
    socket::{Failure, Socket},
};

/// What one connection says and hears.
#[derive(Debug)]
pub(super) enum Talk {
    /// The server sends everything back.
    Echo(Messages),
    /// The server adds up numbers and answers with the total, as the example
    /// handler `counter` does: this is it so far.
    Count(Option<usize>, usize),
}

impl Talk {
    /// What connection number `index` says: what a pattern is made of, or else
    /// its number, and then always 1.
    pub(super) fn new(pattern: Option<&Arc<Pattern>>, index: usize) -> Self {
        match pattern {
            Some(pattern) => Self::Echo(Messages::new(pattern.clone(), index)),
            None => Self::Count(None, index),
        }
    }

    /// Which connection's it is, from 0.
    pub(super) fn connection(&self) -> usize {
        match self {
            Self::Echo(messages) => messages.connection(),
            Self::Count(_, index) => *index,
        }
    }

    /// Says something, and checks what is answered.
    pub(super) async fn exchange(&mut self, socket: &mut Socket) -> Result<(), Failure> {
        match self {
            Self::Echo(messages) => messages.exchange_one(socket).await,
            Self::Count(total, index) => {
                let more = if total.is_some() { 1 } else { *index };
                let sum = total.unwrap_or(0) + more;
                *total = Some(sum);
                count(socket, more, sum).await
            }
        }
    }
}

async fn count(socket: &mut Socket, more: usize, total: usize) -> Result<(), Failure> {
    socket.push(TEXT, more.to_string().as_bytes());
    let (mut heard, mut done) = (Vec::new(), false);
    let total = total.to_string();
    while !done {
        socket
            .receive(|data| {
                heard.extend_from_slice(data.bytes);
                done = data.last;
                if heard.len() > total.len() || done && heard != total.as_bytes() {
                    let heard = String::from_utf8_lossy(&heard);
                    return Err(Failure::Reply(format!("the total is {total}, not `{heard}`")));
                }
                Ok(())
            })
            .await?;
    }
    Ok(())
}
