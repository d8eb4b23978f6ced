//! A frame for many connections.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;

use super::{
    Message,
    deflate::Setting,
    encoder::{compress_alone, data_parts, encode},
    header::{Opcode, ReservedBits},
};

/// More settings than this one frame isn't compressed for; connections with
/// others get it as it is. The windows that clients ask for make seven of one
/// handler's options.
const VARIANTS_MAX: usize = 8;

/// A message that is sent to many connections, compressed at most once for each
/// setting that is used among them, when the first of those comes to send it. A
/// clone is another handle.
///
/// It is compressed by itself, from a fresh compressor: what can be read doesn't
/// depend on what a connection sent before. Uncompressed it needs no encoding
/// that is worth to be shared: a payload of 4 KiB or more is shared as it is.
#[derive(Clone, Debug)]
pub struct SharedFrame(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    message: Message,
    variants: Mutex<Vec<Arc<Variant>>>,
}

/// The frame for one setting, once somebody has made it; none: it doesn't get
/// smaller.
#[derive(Debug)]
struct Variant {
    setting: Setting,
    frame: OnceLock<Option<Bytes>>,
}

impl SharedFrame {
    /// Makes a message one for many.
    #[must_use]
    pub fn new(message: Message) -> Self {
        Self(Arc::new(Inner { message, variants: Mutex::default() }))
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.0.message
    }

    /// How many bytes of payload it is, uncompressed.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.0.message.len_bytes()
    }

    /// The compressed frame, made now or before. None: it is a control frame,
    /// doesn't get smaller, or there are too many settings.
    pub(super) fn compressed(&self, setting: Setting) -> Option<Bytes> {
        let (kind, payload) = data_parts(&self.0.message).filter(|(_, bytes)| !bytes.is_empty())?;
        let variant = self.variant(setting)?;
        // Others who want the same wait here; the lock is free.
        let frame = variant.frame.get_or_init(|| {
            let compressed = compress_alone(payload, setting)?;
            Some(encode(Opcode::Data(kind), ReservedBits::COMPRESSED, &compressed))
        });
        frame.clone()
    }

    fn variant(&self, setting: Setting) -> Option<Arc<Variant>> {
        let mut variants = self.0.variants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = variants.iter().find(|known| known.setting == setting) {
            return Some(known.clone());
        }
        if variants.len() == VARIANTS_MAX {
            return None;
        }
        let variant = Arc::new(Variant { setting, frame: OnceLock::new() });
        variants.push(variant.clone());
        Some(variant)
    }
}

impl From<Message> for SharedFrame {
    fn from(message: Message) -> Self {
        Self::new(message)
    }
}
