//! Load: a scenario, run against a deployment, and what came of it.
//!
//! So far it holds the names of a report's figures and the rules that are made of them. Knows nothing of terminals and
//! of report formats.

mod figure;
mod rule;

pub use figure::{Figure, Kept, Metric, Scalar, Stat, Takes};
pub use rule::{Op, Rule};
