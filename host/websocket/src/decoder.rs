//! Bytes in, messages out.

use bytes::BytesMut;

use super::{
    Agreed, DecodeError, Message, PayloadSpace, deflate::Inflate, partial::Rules,
    progress::Progress,
};

/// How much is inflated before others have their turn: what takes 0.1 ms, or a few
/// times that if it is text.
const INFLATED_MAX_BYTES: usize = 256 * 1024;

/// Decodes what one client sends.
///
/// Between messages it is a few words and holds no buffer. What was begun when
/// the input ended (a piece of a header, a part of a message) it keeps itself,
/// so the caller's buffer can be given back after every call.
///
/// For a payload it reserves at most twice what has come, or 64 KiB for a
/// length that is only claimed, and never more than the limit given. A
/// compressed one is inflated as it comes, and what counts is what comes out.
///
/// ```
/// use bytes::BytesMut;
/// use wshost_websocket::{Decoder, Message};
///
/// let mut decoder = Decoder::new(1_000_000);
/// // RFC 6455, 5.7: a single-frame masked text message.
/// let frame = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// let mut input = BytesMut::from(&frame[..]);
/// assert_eq!(decoder.decode(&mut input)?, Some(Message::Text("Hello".into())));
/// assert_eq!(decoder.decode(&mut input)?, None);
/// # Ok::<(), wshost_websocket::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    message_size_max: usize,
    /// Where compression was agreed on.
    inflate: Option<Box<Inflate>>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Messages come.
    Open(Progress),
    /// A Close frame came, and nothing after it counts (RFC 6455, 5.5.1).
    Closed,
    /// The peer is not to be understood any more.
    Failed(DecodeError),
}

impl Decoder {
    /// A decoder at the beginning of a connection. A message of more than
    /// `message_size_max` bytes, its fragments joined, is an error.
    #[must_use]
    pub fn new(message_size_max: usize) -> Self {
        Self { message_size_max, inflate: None, state: State::Open(Progress::default()) }
    }

    /// The same, for a connection that this compression was agreed on for.
    /// Messages may come compressed then, or not, each as the client likes.
    #[must_use]
    pub fn with_deflate(message_size_max: usize, agreed: &Agreed) -> Self {
        let inflate = Some(Box::new(Inflate::new(agreed)));
        Self { inflate, ..Self::new(message_size_max) }
    }

    /// Changes the limit from now on. A message begun that is known to be
    /// longer fails the next call.
    pub fn set_message_size_max(&mut self, message_size_max: usize) {
        self.message_size_max = message_size_max;
        if let State::Open(progress) = &self.state
            && progress.message_end() > message_size_max
        {
            self.state = State::Failed(DecodeError::TooBig { limit_bytes: message_size_max });
        }
    }

    /// Takes the next message from the front of `input`. None: `input` is used
    /// up, and more must be read. After a Close frame all input is dropped.
    ///
    /// A message that is all in `input` and not compressed isn't copied: it
    /// shares the buffer, and keeps it alive.
    ///
    /// # Errors
    ///
    /// [`DecodeError`], as soon as a byte arrives that can't be right; a
    /// message over the limit when its header has come or, if it is compressed,
    /// when it is inflated that far. From then on every call returns the same
    /// error.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Message>, DecodeError> {
        loop {
            match self.decode_some(input, &mut 0) {
                Ok(None) if !input.is_empty() => {}
                decoded => return decoded,
            }
        }
    }

    /// The same for who has others waiting. None, and `input` is not used up: so
    /// much was inflated (256 KiB) that they should have their turn before this is
    /// called again. The frames begun, control frames too, are added to `frames`.
    ///
    /// # Errors
    ///
    /// As [`Self::decode`].
    pub fn decode_some(
        &mut self,
        input: &mut BytesMut,
        frames: &mut u64,
    ) -> Result<Option<Message>, DecodeError> {
        let mut rules = Rules {
            size_max: self.message_size_max,
            inflate: self.inflate.as_deref_mut(),
            inflated_max: INFLATED_MAX_BYTES,
            frames,
        };
        let result = match &mut self.state {
            State::Open(progress) => progress.next_message(input, &mut rules),
            State::Closed => Ok(None),
            State::Failed(error) => Err(*error),
        };
        match result {
            Ok(Some(Message::Close(_))) => self.state = State::Closed,
            Err(error) => self.state = State::Failed(error),
            Ok(_) => {}
        }
        if !matches!(self.state, State::Open(_)) {
            input.clear();
        }
        result
    }

    /// In the midst of a big payload, when the input is used up: room for some
    /// of the bytes it lacks, to read the socket into directly, so that they
    /// aren't copied. Call [`Self::payload_filled`] when some were read.
    pub fn payload_space(&mut self) -> Option<PayloadSpace<'_>> {
        match &mut self.state {
            State::Open(progress) => progress.payload_space(self.message_size_max),
            State::Closed | State::Failed(_) => None,
        }
    }

    /// Takes the bytes that were put into [`Self::payload_space`], and returns
    /// the message if they were its last.
    ///
    /// # Errors
    ///
    /// As [`Self::decode`].
    pub fn payload_filled(&mut self) -> Result<Option<Message>, DecodeError> {
        self.decode(&mut BytesMut::new())
    }

    /// Whether the decoder is between messages: nothing is begun, and no
    /// memory is held, but for what the client may refer to where it takes its
    /// compressor's context over.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        match &self.state {
            State::Open(progress) => progress.is_nothing(),
            State::Closed | State::Failed(_) => true,
        }
    }

    /// How many bytes of payload are reserved.
    #[cfg(test)]
    pub(super) fn reserved_bytes(&self) -> usize {
        match &self.state {
            State::Open(progress) => progress.reserved_bytes(),
            State::Closed | State::Failed(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests;
