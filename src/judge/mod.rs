//! The judge: (expectation, exchange) → checks.
//!
//! Every rule stands here once, and is used by conform, under load, by fuzz and by the client grader. Pure: no
//! async, no sockets, no files, and no idea of who asks.

mod across;
mod ambient;
pub mod answer;
pub mod certain;
mod check;
mod expect;
pub mod json;
pub mod rules;
pub mod schema;

pub use across::Across;
pub use ambient::{AMBIENT, Ambient, Looked, ambient};
pub use answer::{Answer, Mode};
pub use check::{Check, Mark, Place, Verdict};
pub use expect::{Expectation, Legal, NO_CODE};
