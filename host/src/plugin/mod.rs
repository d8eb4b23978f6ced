//! Plugins: from a file to a [`Template`](crate::sandbox::Template) that
//! instances are made from. Knows no connections.

mod check;
mod error;
mod facts;
mod load;

pub use error::LoadError;
pub use facts::Facts;
pub use load::{Loader, Plugin};
