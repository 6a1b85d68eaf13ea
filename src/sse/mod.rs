//! Server-sent events by the WHATWG HTML standard, §9.2: bytes to events with offsets, pure and incremental, and
//! the writer of events for the mock.
//!
//! Knows neither HTTP nor JSON nor `[DONE]`.
