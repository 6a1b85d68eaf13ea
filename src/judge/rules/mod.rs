//! The rules, a file per group. Each is a function from an answer to checks.

pub mod cors;
pub mod error;
pub mod limit;
pub mod reply;
pub mod stream;
pub mod wire;
