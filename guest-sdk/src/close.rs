//! Close codes and Close frames.

use std::fmt;

/// Why a WebSocket is closed, as a number (RFC 6455, section 7.4).
///
/// Only codes that may stand in a Close frame can be made: 1000 to 1003, 1007
/// to 1014, and 3000 to 4999, of which 4000 to 4999 are yours to define.
///
/// ```
/// use wshost_sdk::CloseCode;
///
/// const KICKED: CloseCode = CloseCode::new(4001).unwrap(); // checked by the compiler
/// assert_eq!(CloseCode::new(1005), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: done.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server goes down, or the browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data that is not accepted here.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: data that does not fit its kind, such as text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: against the rules, where no other code fits.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message that is too big.
    pub const TOO_BIG: Self = Self(1009);
    /// 1010: sent by a client that misses an extension.
    pub const MISSING_EXTENSION: Self = Self(1010);
    /// 1011: an error in the server.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service restarts; come back.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: overloaded; try again later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got a bad answer.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code of this number; none for a number that may not be sent.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// For what the host gives, which it has checked, and for its tests.
    pub(crate) const fn unchecked(code: u16) -> Self {
        Self(code)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a Close frame says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CloseFrame {
    code: CloseCode,
    reason: String,
}

impl CloseFrame {
    /// The most bytes of a reason (RFC 6455, section 5.5).
    pub const REASON_BYTES_MAX: usize = 123;

    /// A Close frame. A reason of more than 123 bytes is cut, at the end of a
    /// character: it is there for people, and no ground to fail.
    pub fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(Self::REASON_BYTES_MAX));
        Self { code, reason }
    }

    /// Why, as a number.
    pub fn code(&self) -> CloseCode {
        self.code
    }

    /// Why, as text for people; often empty.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// For what the host gives, which it has checked, and for its tests.
    pub(crate) fn unchecked(code: CloseCode, reason: String) -> Self {
        Self { code, reason }
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn into_parts(self) -> (CloseCode, String) {
        (self.code, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_codes_that_may_be_sent_exist() {
        let valid = |code: &u16| CloseCode::new(*code).is_some();
        let codes: Vec<u16> = (0..3000).filter(valid).collect();
        let named: Vec<u16> = (1000..=1003).chain(1007..=1014).collect();
        assert_eq!(codes, named);
        assert!((3000..=4999).all(|code| valid(&code)));
        assert!(!(5000..=u16::MAX).any(|code| valid(&code)));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let frame = CloseFrame::new(CloseCode::NORMAL, "é".repeat(62));
        assert_eq!(frame.reason(), "é".repeat(61));
        let frame = CloseFrame::new(CloseCode::NORMAL, "x".repeat(123));
        assert_eq!(frame.reason().len(), 123);
    }
}
