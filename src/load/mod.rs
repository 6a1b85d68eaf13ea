//! Load: a scenario, run against a deployment, and what came of it.
//!
//! So far it holds the scenario: the file's types, its mistakes, and the built-in ones. Knows nothing of terminals and
//! of report formats.

mod figure;
mod rule;
mod scenario;

pub use figure::{Figure, Kept, Metric, Scalar, Stat, Takes};
pub use rule::{Op, Rule};
pub use scenario::*;
