//! One WebSocket of the load generator.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    io, mem,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use thiserror::Error;
use tokio::{
    io::{AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, ReadBuf},
    net::TcpStream,
};
use tokio_tungstenite::MaybeTlsStream;

use super::frames::{self, Data, Decoder, Piece};

const READ_BYTES: usize = 256 * 1024;

thread_local! {
    /// What all connections of a thread read into: an idle one has no buffer.
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// What carries a WebSocket: TCP, or TLS on it.
pub(super) type Stream = MaybeTlsStream<TcpStream>;

/// Why a connection is of no more use.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error("the server closed the connection ({0})")]
    Closed(String),
    #[error("the server is gone: the connection ended without a Close")]
    Gone,
    #[error("the connection failed")]
    Io(#[from] io::Error),
    #[error("the server broke the protocol: {0}")]
    Protocol(&'static str),
    #[error("{0}")]
    Reply(String),
}

/// An open WebSocket. Pings are answered whenever it is read.
pub(super) struct Socket {
    stream: Stream,
    decoder: Decoder,
    /// What the server sent right behind its 101.
    early: Vec<u8>,
    /// Frames to be written.
    out: Vec<u8>,
    /// How much of them is written.
    written: usize,
}

impl Socket {
    pub(super) fn new(stream: Stream, early: Vec<u8>) -> Self {
        Self { stream, decoder: Decoder::default(), early, out: Vec::new(), written: 0 }
    }

    /// Where frames that are to be sent are put.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Queues a message.
    pub(super) fn push(&mut self, opcode: u8, payload: &[u8]) {
        frames::put_frame(opcode, payload, &mut self.out);
    }

    /// Writes what is queued.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        while self.written < self.out.len() {
            let stream = Pin::new(&mut self.stream);
            self.written += ready!(stream.poll_write(cx, &self.out[self.written..]))?;
        }
        // TLS may still have some of it.
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.out.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Reads once, and hands on what the server said.
    pub(super) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        on_data: &mut impl FnMut(Data<'_>) -> Result<(), Failure>,
    ) -> Poll<Result<(), Failure>> {
        if !self.early.is_empty() {
            let early = mem::take(&mut self.early);
            return Poll::Ready(self.take(&early, on_data));
        }
        READ.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            match buffer.filled() {
                [] => Poll::Ready(Err(Failure::Gone)),
                filled => Poll::Ready(self.take(filled, on_data)),
            }
        })
    }

    fn take(
        &mut self,
        mut bytes: &[u8],
        on_data: &mut impl FnMut(Data<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        while let Some(piece) = self.decoder.next(&mut bytes)? {
            match piece {
                Piece::Data(data) => on_data(data)?,
                Piece::Control { opcode: frames::PING, payload } => {
                    self.push(frames::PONG, &payload);
                }
                Piece::Control { opcode: frames::CLOSE, payload } => {
                    return Err(Failure::Closed(describe_close(&payload)));
                }
                Piece::Control { .. } => {}
            }
        }
        Ok(())
    }

    /// Writes and reads until the future is ready.
    pub(super) async fn serve<F: Future>(
        &mut self,
        until: F,
        mut on_data: impl FnMut(Data<'_>) -> Result<(), Failure>,
    ) -> Result<F::Output, Failure> {
        let mut until = pin!(until);
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(output) = until.as_mut().poll(cx) {
                    return Poll::Ready(Ok(output));
                }
                // Where it can't be written now, reading may help the server on.
                if let Poll::Ready(Err(failure)) = self.poll_flush(cx) {
                    return Poll::Ready(Err(failure));
                }
                ready!(self.poll_receive(cx, &mut on_data))?;
            }
        })
        .await
    }

    /// Writes what is queued and reads once.
    pub(super) async fn receive(
        &mut self,
        mut on_data: impl FnMut(Data<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        poll_fn(|cx| {
            if let Poll::Ready(Err(failure)) = self.poll_flush(cx) {
                return Poll::Ready(Err(failure));
            }
            self.poll_receive(cx, &mut on_data)
        })
        .await
    }

    /// Says Close, and waits until the server has said it and closed the socket.
    pub(super) async fn close(mut self) -> Result<(), Failure> {
        self.push(frames::CLOSE, &1000_u16.to_be_bytes());
        loop {
            match self.receive(|_| Ok(())).await {
                Ok(()) => {}
                Err(Failure::Closed(_)) => break,
                Err(failure) => return Err(failure),
            }
        }
        let mut rest = [0; 64];
        loop {
            match self.stream.read(&mut rest).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // Many servers cut TLS off instead of ending it.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn describe_close(payload: &[u8]) -> String {
    match payload.split_first_chunk() {
        None => "no code".into(),
        Some((code, reason)) => {
            let code = u16::from_be_bytes(*code);
            format!("{code} {}", String::from_utf8_lossy(reason)).trim_end().into()
        }
    }
}
