//! A client that is made well: tungstenite's.

use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

use crate::{Response, patiently, transport::Stream};

/// The half of a [`Client`] that sends.
pub struct Sender(SplitSink<WebSocketStream<Stream>, Message>);

/// The half of a [`Client`] that receives.
pub struct Receiver(SplitStream<WebSocketStream<Stream>>);

impl Sender {
    /// Sends a message, however long the host does not take it.
    ///
    /// # Panics
    /// If it is gone.
    pub async fn send(&mut self, message: Message) {
        self.0.send(message).await.expect("the host takes a message");
    }
}

impl Receiver {
    /// The next message.
    ///
    /// # Panics
    /// If none comes.
    pub async fn next(&mut self) -> Message {
        message(patiently("a message", self.0.next()).await)
    }
}

fn message(received: Option<tungstenite::Result<Message>>) -> Message {
    match received {
        Some(Ok(message)) => message,
        other => panic!("no message, but {other:?}"),
    }
}

/// An open WebSocket. Pings are answered whenever it is read.
pub struct Client {
    /// The response that opened it.
    pub response: Response,
    socket: WebSocketStream<Stream>,
}

impl Client {
    pub(crate) async fn new(response: Response, stream: Stream) -> Self {
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
        Self { response, socket }
    }

    /// Sends a message.
    ///
    /// # Panics
    /// If the host does not take it.
    pub async fn send(&mut self, message: Message) {
        let sent = patiently("the host to take a message", self.socket.send(message)).await;
        sent.expect("the host takes a message");
    }

    /// Sends a text: for the `scripted` guest, a script.
    pub async fn say(&mut self, text: impl AsRef<str>) {
        self.send(Message::text(text.as_ref())).await;
    }

    /// The next message: also a ping, a pong or a Close.
    ///
    /// # Panics
    /// If none comes.
    pub async fn next(&mut self) -> Message {
        message(patiently("a message", self.socket.next()).await)
    }

    /// Sending and receiving apart.
    pub fn split(self) -> (Sender, Receiver) {
        let (sender, receiver) = self.socket.split();
        (Sender(sender), Receiver(receiver))
    }

    /// The next message, which must be text.
    ///
    /// # Panics
    /// If it is not.
    pub async fn text(&mut self) -> String {
        match self.next().await {
            Message::Text(text) => text.as_str().to_owned(),
            other => panic!("{other:?} is no text"),
        }
    }

    /// The next message, which must be binary.
    ///
    /// # Panics
    /// If it is not.
    pub async fn binary(&mut self) -> bytes::Bytes {
        match self.next().await {
            Message::Binary(data) => data,
            other => panic!("{other:?} is not binary"),
        }
    }

    /// Expects these texts, one after the other.
    ///
    /// # Panics
    /// If something else comes.
    pub async fn texts(&mut self, expected: &[&str]) {
        for expected in expected {
            assert_eq!(self.text().await, *expected);
        }
    }

    /// Sends a script, and returns the text that is the answer.
    pub async fn ask(&mut self, script: impl AsRef<str>) -> String {
        self.say(script).await;
        self.text().await
    }

    /// Sends a text. False: the connection is closed, or gone.
    pub async fn try_say(&mut self, text: &str) -> bool {
        self.socket.send(Message::text(text)).await.is_ok()
    }

    /// The next text, whenever it comes. None: the connection is closed, or gone.
    pub async fn try_text(&mut self) -> Option<String> {
        match self.socket.next().await {
            Some(Ok(Message::Text(text))) => Some(text.as_str().to_owned()),
            _ => None,
        }
    }

    /// Sends a text, and returns the one that is the answer. None: the connection is
    /// closed, or being closed.
    pub async fn try_ask(&mut self, text: &str) -> Option<String> {
        self.socket.send(Message::text(text)).await.ok()?;
        match patiently("an answer", self.socket.next()).await {
            Some(Ok(Message::Text(answer))) => Some(answer.as_str().to_owned()),
            _ => None,
        }
    }

    /// The connection's id, as the `scripted` guest tells it.
    ///
    /// # Panics
    /// If it does not.
    pub async fn id(&mut self) -> String {
        self.say("me").await;
        self.told_id().await
    }

    /// The connection's id, which was asked for by `me`.
    ///
    /// # Panics
    /// If something else comes.
    pub async fn told_id(&mut self) -> String {
        let text = self.text().await;
        text.strip_prefix("id ").unwrap_or_else(|| panic!("`{text}` is no id")).to_owned()
    }

    /// Sends a Close; none: without a code.
    pub async fn close(&mut self, frame: Option<(u16, &str)>) {
        let frame = frame.map(|(code, reason)| CloseFrame {
            code: code.into(),
            reason: reason.to_owned().into(),
        });
        self.send(Message::Close(frame)).await;
    }

    /// Expects a Close and the end of the socket. Returns what the Close says;
    /// none: it has no code.
    ///
    /// # Panics
    /// If something else comes.
    pub async fn closed(&mut self) -> Option<(u16, String)> {
        let frame = match self.next().await {
            Message::Close(frame) => frame,
            other => panic!("{other:?} is no Close"),
        };
        match patiently("the end of the socket", self.socket.next()).await {
            None => {}
            other => panic!("after a Close came {other:?}"),
        }
        // Fails where the host has closed both ways already.
        let _ = self.socket.get_mut().shutdown().await;
        frame.map(|frame| (frame.code.into(), frame.reason.as_str().to_owned()))
    }

    /// Expects a Close with this code, and the end of the socket.
    ///
    /// # Panics
    /// If something else comes.
    pub async fn closed_with(&mut self, code: u16) {
        let closed = self.closed().await;
        assert_eq!(closed.as_ref().map(|(code, _)| *code), Some(code), "{closed:?}");
    }

    /// Reads to the end, whatever comes. A Close is answered.
    ///
    /// # Panics
    /// If there is no end.
    pub async fn finish(mut self) {
        while let Some(Ok(_)) = patiently("the end of a connection", self.socket.next()).await {}
    }

    /// Closes, if it is open still, and reads to the end, whatever comes.
    ///
    /// # Panics
    /// If there is no end.
    pub async fn finish_after_close(mut self) {
        // Fails where the host has closed it.
        let _ = patiently("the host to take a Close", self.socket.send(Message::Close(None))).await;
        self.finish().await;
    }

    /// Messages until the Close, whose code is returned with them.
    ///
    /// # Panics
    /// If there is no end of them, or the Close has no code.
    pub async fn until_closed(&mut self) -> (Vec<Message>, u16) {
        let mut messages = Vec::new();
        loop {
            match self.next().await {
                Message::Close(Some(frame)) => return (messages, frame.code.into()),
                message => messages.push(message),
            }
        }
    }
}
