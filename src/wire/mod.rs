//! The wire: exact bytes on a socket of our own, or an ordinary client; either gives an [`Exchange`].
//!
//! Nothing here knows right from wrong. What was sent, what came back, when, and how it ended is written down;
//! the judge reads it. Every wait has a deadline and every buffer a bound, so that no server can hang or drown
//! a run.

mod exchange;

pub use exchange::*;
