//! Server-sent events by the WHATWG HTML standard, §9.2: bytes to events with offsets, pure and incremental, and
//! the writer of events for the mock.
//!
//! Knows neither HTTP nor JSON nor `[DONE]`. Works on bytes: invalid UTF-8 in data stays as it is, for someone else
//! to judge.

mod parser;
mod writer;

pub use parser::{Event, Notes, Parser, Rest, UNKNOWN_KEPT, UnknownField, parse_all};
pub use writer::{LineEnd, Writer};
