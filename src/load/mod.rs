//! Load: a scenario, run against a deployment, and what came of it: honest numbers about many streams at once, every
//! answer judged.
//!
//! Knows nothing of terminals and of report formats.

mod alarm;
mod arrivals;
mod calibration;
mod doubt;
mod draw;
mod engine;
mod exchange;
mod figure;
mod gaps;
mod goose;
mod ids;
mod inside;
mod lane;
mod mix;
mod outcome;
mod random;
mod recorder;
mod relay;
mod rule;
mod run;
mod scenario;
mod series;
mod sieve;
mod steady;
mod switch;
mod tasks;
mod thresholds;
mod timeline;
mod users;
mod validity;
mod verdict;

pub use figure::{Figure, Kept, Metric, Scalar, Stat, Takes};
pub use inside::{mock_config, mock_config_at};
pub use mix::Unfit;
pub use rule::{Op, Rule};
pub use run::{Driver, Options, SetupError, Snapshot, run};
pub use scenario::*;
