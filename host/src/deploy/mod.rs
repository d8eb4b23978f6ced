//! A directory of plugins, served as it is and as it changes.
//!
//! Files are looked at, not announced: what a directory has is what its files are,
//! however they came there, on whatever file system. A file is loaded once it has
//! been the same for two looks, so that one that is still being copied is left
//! alone; one that is refused is told about once, and looked at again when it
//! changes.

mod directory;
mod stamp;

pub use directory::Directory;
