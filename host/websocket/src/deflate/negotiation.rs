//! What a client offers, and what we make of it (RFC 7692, 5 and 7.1).

use std::{fmt::Write, mem};

use super::{DeflateOptions, Setting, options::WINDOW_BITS};

/// The extension's name, in `Sec-WebSocket-Extensions`.
pub const PERMESSAGE_DEFLATE: &str = "permessage-deflate";

const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

/// The compression agreed on for one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// How we compress.
    pub(in super::super) setting: Setting,
    /// Shorter messages aren't compressed.
    pub(in super::super) threshold_bytes: usize,
    /// Whether our compressor may go on from message to message.
    pub(in super::super) server_takeover: bool,
    /// Whether the client's may.
    pub(in super::super) client_takeover: bool,
    /// How far back the client refers.
    pub(in super::super) client_window_bits: u8,
    answer: String,
}

impl Agreed {
    /// Takes an offer of [`PERMESSAGE_DEFLATE`], given as its parameters with their
    /// values. None: it must be declined, for
    ///
    /// - a parameter isn't known, is there twice, or has a value that it can't
    ///   have (7.1), or
    /// - the client wants a window of 8 bits from us, which zlib can't give.
    ///
    /// Both sides' windows are the smaller of what the client offers and what
    /// the options say. Either side's takeover ends where the client or the
    /// options say so.
    #[must_use]
    pub fn to_offer<'a>(
        parameters: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
        options: &DeflateOptions,
    ) -> Option<Self> {
        let offer = Offer::read(parameters)?;
        let offered = offer.server_bits.unwrap_or(*WINDOW_BITS.end());
        let window_bits = offered.min(options.server_max_window_bits);
        if !WINDOW_BITS.contains(&window_bits) {
            return None;
        }
        let &DeflateOptions { level, mem_level, strategy, threshold_bytes, .. } = options;
        let mut agreed = Self {
            setting: Setting { window_bits, level, mem_level, strategy },
            threshold_bytes,
            server_takeover: options.server_context_takeover && !offer.server_no_takeover,
            client_takeover: options.client_context_takeover && !offer.client_no_takeover,
            client_window_bits: offer.client_bits.agreed(options.client_max_window_bits),
            answer: String::new(),
        };
        agreed.answer = agreed.write_answer(&offer);
        Some(agreed)
    }

    /// The answer to the offer, for the response's `Sec-WebSocket-Extensions`:
    /// the extension's name and the parameters agreed on. ASCII.
    #[must_use]
    pub fn answer(&self) -> &str {
        &self.answer
    }

    /// What the client limits must be answered (7.1.1.1, 7.1.2.1). Its own
    /// window may be limited only if it offers that (7.1.2.2); all else may be
    /// said unasked.
    fn write_answer(&self, offer: &Offer) -> String {
        let mut answer = PERMESSAGE_DEFLATE.to_owned();
        if !self.server_takeover {
            let _ = write!(answer, "; {SERVER_NO_TAKEOVER}");
        }
        if !self.client_takeover {
            let _ = write!(answer, "; {CLIENT_NO_TAKEOVER}");
        }
        let bits = self.setting.window_bits;
        if offer.server_bits.is_some() || bits < *WINDOW_BITS.end() {
            let _ = write!(answer, "; {SERVER_BITS}={bits}");
        }
        let bits = self.client_window_bits;
        if offer.client_bits != ClientBits::Unsaid && bits < *WINDOW_BITS.end() {
            let _ = write!(answer, "; {CLIENT_BITS}={bits}");
        }
        answer
    }
}

/// What an offer says.
#[derive(Debug, Default)]
struct Offer {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_bits: Option<u8>,
    client_bits: ClientBits,
}

/// What an offer says of the client's window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ClientBits {
    /// Nothing: it can't be told to use a smaller one.
    #[default]
    Unsaid,
    /// It can be told.
    CanBeTold,
    /// It can be told, and won't use more than this.
    AtMost(u8),
}

impl ClientBits {
    fn agreed(self, max: u8) -> u8 {
        match self {
            Self::Unsaid => *WINDOW_BITS.end(),
            Self::CanBeTold => max,
            Self::AtMost(bits) => bits.min(max),
        }
    }
}

impl Offer {
    fn read<'a>(parameters: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Option<Self> {
        let mut offer = Self::default();
        for (name, value) in parameters {
            let is_first = match (name, value) {
                (SERVER_NO_TAKEOVER, None) => !mem::replace(&mut offer.server_no_takeover, true),
                (CLIENT_NO_TAKEOVER, None) => !mem::replace(&mut offer.client_no_takeover, true),
                (SERVER_BITS, Some(bits)) => {
                    offer.server_bits.replace(window_bits(bits)?).is_none()
                }
                (CLIENT_BITS, bits) => {
                    let bits = match bits {
                        None => ClientBits::CanBeTold,
                        Some(bits) => ClientBits::AtMost(window_bits(bits)?),
                    };
                    mem::replace(&mut offer.client_bits, bits) == ClientBits::Unsaid
                }
                _ => false,
            };
            if !is_first {
                return None;
            }
        }
        Some(offer)
    }
}

/// "A decimal integer value without leading zeroes between 8 to 15 inclusive"
/// (7.1.2).
fn window_bits(value: &str) -> Option<u8> {
    match value.as_bytes() {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `name=value; name`. Quotes are the header parser's.
    fn agree(offer: &str, options: &DeflateOptions) -> Option<Agreed> {
        let parameters = offer.split("; ").filter(|parameter| !parameter.is_empty());
        let parameters = parameters.map(|parameter| match parameter.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (parameter, None),
        });
        Agreed::to_offer(parameters, options)
    }

    /// The answer without the extension's name.
    fn answer(offer: &str, options: &DeflateOptions) -> Option<String> {
        let agreed = agree(offer, options)?;
        let parameters = agreed.answer().strip_prefix(PERMESSAGE_DEFLATE).unwrap();
        Some(parameters.trim_start_matches("; ").to_owned())
    }

    fn options(server_bits: u8, client_bits: u8) -> DeflateOptions {
        let mut options = DeflateOptions::default();
        options.set_server_context_takeover(true);
        options.set_client_context_takeover(true);
        options.set_server_max_window_bits(server_bits).unwrap();
        options.set_client_max_window_bits(client_bits).unwrap();
        options
    }

    #[test]
    fn nobody_takes_a_context_over_unless_asked_to() {
        for (offer, expected) in [
            ("", "server_no_context_takeover; client_no_context_takeover"),
            (
                "server_no_context_takeover; client_no_context_takeover",
                "server_no_context_takeover; client_no_context_takeover",
            ),
            ("client_max_window_bits", "server_no_context_takeover; client_no_context_takeover"),
        ] {
            let options = DeflateOptions::default();
            assert_eq!(answer(offer, &options).as_deref(), Some(expected), "{offer}");
            let agreed = agree(offer, &options).unwrap();
            assert!(!agreed.server_takeover && !agreed.client_takeover);
        }
    }

    /// Those of Autobahn 12 and 13 are among them.
    #[test]
    fn what_a_client_limits_is_answered() {
        for (offer, expected) in [
            ("", ""),
            ("server_no_context_takeover", "server_no_context_takeover"),
            ("client_no_context_takeover", "client_no_context_takeover"),
            ("server_max_window_bits=9", "server_max_window_bits=9"),
            ("server_max_window_bits=15", "server_max_window_bits=15"),
            (
                "server_max_window_bits=9; server_no_context_takeover",
                "server_no_context_takeover; server_max_window_bits=9",
            ),
            (
                "server_no_context_takeover; server_max_window_bits=15",
                "server_no_context_takeover; server_max_window_bits=15",
            ),
            ("client_max_window_bits", ""),
            ("client_max_window_bits=15", ""),
            ("client_max_window_bits=8", "client_max_window_bits=8"),
            ("client_max_window_bits=9", "client_max_window_bits=9"),
            (
                "client_no_context_takeover; client_max_window_bits; server_max_window_bits=10",
                "client_no_context_takeover; server_max_window_bits=10",
            ),
        ] {
            assert_eq!(answer(offer, &options(15, 15)).as_deref(), Some(expected), "{offer}");
        }
    }

    #[test]
    fn the_smaller_window_is_agreed_on() {
        for (offer, expected, server_bits, client_bits) in [
            ("", "server_max_window_bits=12", 12, 15),
            ("server_max_window_bits=15", "server_max_window_bits=12", 12, 15),
            ("server_max_window_bits=10", "server_max_window_bits=10", 10, 15),
            (
                "client_max_window_bits",
                "server_max_window_bits=12; client_max_window_bits=11",
                12,
                11,
            ),
            (
                "client_max_window_bits=15",
                "server_max_window_bits=12; client_max_window_bits=11",
                12,
                11,
            ),
            (
                "client_max_window_bits=9",
                "server_max_window_bits=12; client_max_window_bits=9",
                12,
                9,
            ),
        ] {
            let options = options(12, 11);
            assert_eq!(answer(offer, &options).as_deref(), Some(expected), "{offer}");
            let agreed = agree(offer, &options).unwrap();
            assert_eq!(agreed.setting.window_bits, server_bits, "{offer}");
            assert_eq!(agreed.client_window_bits, client_bits, "{offer}");
        }
    }

    #[test]
    fn offers_that_are_not_valid_are_declined() {
        for offer in [
            "server_max_window_bits=8",
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=09",
            "server_max_window_bits=+9",
            "server_max_window_bits=1",
            "server_max_window_bits=100",
            "server_max_window_bits=99999999999999999999",
            "server_max_window_bits=x",
            "client_max_window_bits=7",
            "client_max_window_bits=16",
            "client_max_window_bits=010",
            "client_max_window_bits=",
            "server_no_context_takeover=1",
            "client_no_context_takeover=true",
            "server_no_context_takeover; server_no_context_takeover",
            "client_no_context_takeover; client_no_context_takeover",
            "server_max_window_bits=9; server_max_window_bits=9",
            "client_max_window_bits; client_max_window_bits",
            "client_max_window_bits=9; client_max_window_bits",
            "mux",
            "SERVER_NO_CONTEXT_TAKEOVER",
            "client_max_window_bits; foo=bar",
        ] {
            assert_eq!(agree(offer, &options(15, 15)), None, "{offer}");
        }
    }
}
