//! Messages that can be told from each other, and the check that each came
//! back as it was sent, in its turn.

use std::sync::Arc;

use super::{
    frames::{self, BINARY, Data, TEXT},
    socket::{Failure, Socket},
};

/// The first bytes of a message, which name it.
const NAME_BYTES: usize = 8;

/// What the messages of a run have in common: all but their names. Of printable
/// ASCII, so that they are good as text, too.
#[derive(Debug)]
pub(super) struct Pattern {
    opcode: u8,
    payload: Vec<u8>,
    /// The frame as it is sent: masked, ready but for the name.
    frame: Vec<u8>,
}

impl Pattern {
    pub(super) fn new(size_bytes: usize, text: bool) -> Self {
        let opcode = if text { TEXT } else { BINARY };
        let payload: Vec<u8> = (b' '..=b'~').cycle().take(size_bytes).collect();
        let mut frame = Vec::new();
        frames::put_frame(opcode, &payload, &mut frame);
        Self { opcode, payload, frame }
    }

    fn name_bytes(&self) -> usize {
        self.payload.len().min(NAME_BYTES)
    }

    /// Writes the frame of this name.
    fn put(&self, name: [u8; NAME_BYTES], out: &mut Vec<u8>) {
        let start = out.len() + self.frame.len() - self.payload.len();
        out.extend(&self.frame);
        let place = &mut out[start..start + self.name_bytes()];
        place.copy_from_slice(&name[..place.len()]);
        frames::mask(place, 0);
    }
}

/// Six bits a character, the lowest first: a short message keeps those.
fn name(connection: usize, message: u64) -> [u8; NAME_BYTES] {
    let bits = (connection as u64) << 32 | message & u64::from(u32::MAX);
    std::array::from_fn(|place| b'0' + (bits >> (6 * place) & 0x3f) as u8)
}

/// The messages of one connection, sent and expected back.
#[derive(Debug)]
pub(super) struct Messages {
    pattern: Arc<Pattern>,
    connection: usize,
    sent: u64,
    received: u64,
    /// The name of the message expected next.
    expected: [u8; NAME_BYTES],
    /// How much of it has come.
    offset: usize,
}

impl Messages {
    pub(super) fn new(pattern: Arc<Pattern>, connection: usize) -> Self {
        let expected = name(connection, 0);
        Self { pattern, connection, sent: 0, received: 0, expected, offset: 0 }
    }

    /// How many came back.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// How many are on their way.
    pub(super) fn in_flight(&self) -> u64 {
        self.sent - self.received
    }

    /// Which connection's they are, from 0.
    pub(super) fn connection(&self) -> usize {
        self.connection
    }

    /// Sends the next message, and waits for it to come back.
    pub(super) async fn exchange_one(&mut self, socket: &mut Socket) -> Result<(), Failure> {
        self.put(socket.out());
        let mut received = false;
        while !received {
            socket
                .receive(|data| {
                    received = self.check(data)?;
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }

    /// Writes the next frame.
    pub(super) fn put(&mut self, out: &mut Vec<u8>) {
        self.pattern.put(name(self.connection, self.sent), out);
        self.sent += 1;
    }

    /// Takes what came back. True: a message is complete.
    pub(super) fn check(&mut self, data: Data<'_>) -> Result<bool, Failure> {
        self.compare(data).map_err(|problem| Failure::Reply(format!("the reply {problem}")))?;
        self.offset += data.bytes.len();
        if data.last {
            self.received += 1;
            self.expected = name(self.connection, self.received);
            self.offset = 0;
        }
        Ok(data.last)
    }

    fn compare(&self, data: Data<'_>) -> Result<(), String> {
        if self.in_flight() == 0 {
            return Err("came unasked".into());
        }
        if data.opcode != self.pattern.opcode {
            return Err(format!(
                "has the opcode {} instead of {}",
                data.opcode, self.pattern.opcode
            ));
        }
        let (end, whole) = (self.offset + data.bytes.len(), self.pattern.payload.len());
        if end > whole || data.last && end < whole {
            let more = if end > whole { "more" } else { "fewer" };
            return Err(format!("has {more} than {whole} bytes: {end}"));
        }
        let name_end = self.pattern.name_bytes();
        let (named, rest) =
            data.bytes.split_at(name_end.saturating_sub(self.offset).min(data.bytes.len()));
        let expected_name = &self.expected[self.offset.min(name_end)..][..named.len()];
        let expected_rest = &self.pattern.payload[end - rest.len()..end];
        if named == expected_name && rest == expected_rest {
            return Ok(());
        }
        let expected = [expected_name, expected_rest].concat();
        let differs = data.bytes.iter().zip(&expected).position(|(came, sent)| came != sent);
        let at = differs.unwrap_or_default();
        Err(format!(
            "is another: byte {} is {:#04x} instead of {:#04x}",
            self.offset + at,
            data.bytes[at],
            expected[at]
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server would send back.
    fn payload(messages: &mut Messages) -> Vec<u8> {
        let mut frame = Vec::new();
        messages.put(&mut frame);
        let size = messages.pattern.payload.len();
        let mut payload = frame.split_off(frame.len() - size);
        frames::mask(&mut payload, 0);
        payload
    }

    fn last(bytes: &[u8]) -> Data<'_> {
        Data { opcode: BINARY, bytes, last: true }
    }

    fn messages(size: usize) -> Messages {
        Messages::new(Arc::new(Pattern::new(size, false)), 3)
    }

    #[test]
    fn what_comes_back_is_taken_however_it_is_cut() {
        for size in [0, 1, 7, 8, 9, 100] {
            for cut in 0..=size {
                let mut messages = messages(size);
                for _ in 0..3 {
                    let payload = payload(&mut messages);
                    let first = Data { opcode: BINARY, bytes: &payload[..cut], last: false };
                    assert!(!messages.check(first).unwrap());
                    assert!(messages.check(last(&payload[cut..])).unwrap());
                }
                assert_eq!(messages.in_flight(), 0);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let told = |change: fn(&mut Vec<u8>)| {
            let mut messages = messages(100);
            let mut payload = payload(&mut messages);
            change(&mut payload);
            messages.check(last(&payload)).unwrap_err().to_string()
        };
        assert_eq!(
            told(|payload| payload[50] ^= 1),
            "the reply is another: byte 50 is 0x53 instead of 0x52"
        );
        assert_eq!(told(|payload| payload.push(0)), "the reply has more than 100 bytes: 101");
        assert_eq!(told(Vec::clear), "the reply has fewer than 100 bytes: 0");
    }

    #[test]
    fn replies_out_of_turn_are_noticed() {
        let mut messages = messages(64);
        let (_, second) = (payload(&mut messages), payload(&mut messages));
        assert!(messages.check(last(&second)).is_err());
        let mut messages = self::messages(64);
        let first = payload(&mut messages);
        assert!(messages.check(last(&first)).unwrap());
        assert!(messages.check(last(&first)).unwrap_err().to_string().contains("unasked"));
    }
}
