//! Masking (RFC 6455, 5.3).

/// A frame's masking key, turned to the next byte of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mask([u8; 4]);

impl Mask {
    /// The key as it stands in the header: turned to the payload's first byte.
    pub(super) fn new(key: [u8; 4]) -> Self {
        Self(key)
    }

    /// Masks or unmasks the payload's next bytes, and turns the key past them.
    pub(super) fn apply(&mut self, payload: &mut [u8]) {
        let [a, b, c, d] = self.0;
        let key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let (words, rest) = payload.as_chunks_mut();
        for word in words {
            *word = (u64::from_ne_bytes(*word) ^ key).to_ne_bytes();
        }
        for (byte, key) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
            *byte ^= key;
        }
        self.skip(rest.len());
    }

    /// Turns the key past so many bytes.
    pub(super) fn skip(&mut self, len: usize) {
        self.0.rotate_left(len % 4);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rfc_example() {
        // Section 5.7: a single-frame masked text message, "Hello".
        let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        Mask::new([0x37, 0xfa, 0x21, 0x3d]).apply(&mut payload);
        assert_eq!(&payload, b"Hello");
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(
            key: [u8; 4],
            payload in prop::collection::vec(any::<u8>(), 0..100),
            cut: prop::sample::Index,
        ) {
            let expected: Vec<u8> =
                payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            let mut payload = payload;
            let mut mask = Mask::new(key);
            let (before, after) = payload.split_at_mut(cut.index(expected.len() + 1));
            mask.apply(before);
            mask.apply(after);
            prop_assert_eq!(payload, expected);
        }
    }
}
