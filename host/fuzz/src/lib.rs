//! What the fuzz targets share: how an input is read, and how a stream is
//! decoded and changed.
//!
//! An input is read from its front: a few bytes that say how, and then, to the
//! end, the bytes that the target is about. So seeds can be written by hand.

mod frames;
mod input;
mod peer;

pub use self::{
    frames::{client_frame, frames_of, sent_frames},
    input::Input,
    peer::{Decoded, decode_pieces, decode_whole},
};
