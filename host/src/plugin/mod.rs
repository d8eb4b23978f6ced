//! Plugins: from a file to a [`Template`](crate::sandbox::Template) that
//! instances are made from. Knows no connections.

mod check;
mod compile;
mod digest;
mod error;
mod facts;
mod file;
mod load;

pub use compile::{Cache, Compiler, THIS_PROGRAM, work};
pub use digest::Digest;
pub use error::{LoadError, Problem};
pub use facts::Facts;
pub use load::{Loader, Plugin, Source};
