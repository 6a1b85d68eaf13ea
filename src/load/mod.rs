//! Load: a scenario, run against a deployment, and what came of it: honest numbers about many streams at once, every
//! answer judged.
//!
//! Knows nothing of terminals and of report formats.

mod alarm;
mod arrivals;
mod calibration;
mod clock;
mod doubt;
mod draw;
mod early;
mod engine;
mod exchange;
mod figure;
mod gaps;
mod goose;
mod ids;
mod inside;
mod lane;
mod lately;
mod merge;
mod mix;
mod outcome;
mod probing;
mod random;
mod recorder;
mod rule;
mod run;
mod samples;
mod saturation;
mod scenario;
mod search;
mod series;
mod sieve;
mod steady;
mod tasks;
mod thresholds;
mod timeline;
mod users;
mod validity;
mod verdict;

pub use crate::record::Snapshot;
pub use figure::{Figure, Kept, Metric, Scalar, Stat, Takes};
pub use inside::{mock_config, mock_config_at};
pub use merge::{ShardReport, Unmergeable, merge};
pub use mix::Unfit;
pub use rule::{Op, Rule};
pub use run::{Driver, Options, SetupError, run, stage_names};
pub use samples::{Sampled, Samples};
pub use scenario::*;
