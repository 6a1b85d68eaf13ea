//! The judge: (expectation, exchange) → checks; (request, fixtures) → legal answers.
//!
//! Every rule stands here once, and is used by conform, under load, by fuzz and by the client grader. Pure: no
//! async, no sockets, no clocks, no files, and no idea of who asks.

mod check;

pub use check::{Check, Mark, Place, Verdict};
