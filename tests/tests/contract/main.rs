//! The handler contract, row by row: a test's name begins with the number of
//! the row that it holds the host to. Each runs in every mode, save where it is
//! about HTTP/1.1 itself.

mod alive;
mod closing;
mod commands;
mod deflate;
mod events;
mod opening;
