//! A client that writes what it is told to, frame by frame or byte by byte.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{CLOSE, Frame, PING, TEXT, patiently, transport::Stream};

/// An open WebSocket, as bytes.
pub struct Raw {
    stream: Stream,
    read: Vec<u8>,
}

impl Raw {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// Writes these bytes, however long the host does not take them.
    ///
    /// # Errors
    /// It has ended the connection.
    pub async fn try_write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Writes these bytes.
    ///
    /// # Panics
    /// If the host does not take them.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let written = async {
            self.stream.write_all(bytes.as_ref()).await?;
            self.stream.flush().await
        };
        patiently("the host to take bytes", written).await.expect("the host takes bytes");
    }

    /// Writes these frames, at once.
    pub async fn send(&mut self, frames: &[Frame]) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        self.write(bytes).await;
    }

    /// Writes a text message.
    pub async fn say(&mut self, text: &str) {
        self.send(&[Frame::new(TEXT, text)]).await;
    }

    /// The next frame, or none where the host has closed the socket.
    ///
    /// # Panics
    /// If none comes.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, len)) = Frame::decode(&self.read) {
                self.read.drain(..len);
                return Some(frame);
            }
            let count = patiently("a frame", self.stream.read_buf(&mut self.read)).await;
            // A reset is an end, too.
            if count.unwrap_or_default() == 0 {
                assert!(self.read.is_empty(), "the socket ended in a frame: {:?}", self.read);
                return None;
            }
        }
    }

    /// The next frame, which must be a text.
    ///
    /// # Panics
    /// If it is not.
    pub async fn text(&mut self) -> String {
        match self.next().await {
            Some(Frame { fin: true, reserved: 0, opcode: TEXT, payload, .. }) => {
                String::from_utf8(payload).expect("the host sends valid UTF-8")
            }
            other => panic!("{other:?} is no text"),
        }
    }

    /// What the next frame says, which must be a Close; none: it has no code.
    ///
    /// # Panics
    /// If it is not.
    pub async fn close_frame(&mut self) -> Option<(u16, String)> {
        match self.next().await {
            Some(Frame { fin: true, reserved: 0, opcode: CLOSE, payload, .. }) => {
                let (code, reason) = payload.split_first_chunk()?;
                let reason = String::from_utf8(reason.to_vec());
                Some((u16::from_be_bytes(*code), reason.expect("a reason is valid UTF-8")))
            }
            other => panic!("{other:?} is no Close"),
        }
    }

    /// Expects a Close with this code, and then the end of the socket once it
    /// was answered.
    ///
    /// # Panics
    /// If something else comes.
    pub async fn closed_with(&mut self, code: u16) {
        let close = self.close_frame().await;
        assert_eq!(close.as_ref().map(|(code, _)| *code), Some(code), "{close:?}");
        // The host does not wait for the answer to a Close of its own for ever,
        // nor at all after an error: it may be gone already.
        let _ = self.stream.write_all(&Frame::new(CLOSE, code.to_be_bytes()).encode()).await;
        self.end().await;
    }

    /// Expects the end of the socket.
    ///
    /// # Panics
    /// If a frame comes.
    pub async fn end(&mut self) {
        assert_eq!(self.next().await, None);
        let _ = self.stream.shutdown().await;
    }

    /// Says that nothing more comes, without a Close, and reads to the end.
    pub async fn hang_up(mut self) {
        self.stream.shutdown().await.expect("the socket can be closed");
        while self.next().await.is_some() {}
    }

    /// Reads to the end of the socket, and answers a Close.
    ///
    /// # Panics
    /// If there is no end.
    pub async fn finish(mut self) {
        while let Some(frame) = self.next().await {
            if frame.opcode == CLOSE {
                let answer = Frame::new(CLOSE, frame.payload);
                // Fails where the host waits for no answer.
                let _ = self.stream.write_all(&answer.encode()).await;
            }
        }
    }

    /// Expects the connection to be there still: a ping is answered.
    ///
    /// # Panics
    /// If it is not, or something else comes.
    pub async fn alive(&mut self) {
        self.send(&[Frame::new(PING, "alive?")]).await;
        let pong = self.next().await.map(|frame| (frame.opcode, frame.payload));
        assert_eq!(pong, Some((crate::PONG, b"alive?".to_vec())));
    }

    /// The connection's id, as the `scripted` guest tells it.
    ///
    /// # Panics
    /// If it does not.
    pub async fn id(&mut self) -> String {
        self.say("me").await;
        let text = self.text().await;
        text.strip_prefix("id ").unwrap_or_else(|| panic!("`{text}` is no id")).to_owned()
    }
}
