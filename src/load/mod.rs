//! Load: a scenario, run against a deployment, and what came of it: honest numbers about many streams at once, every
//! answer judged.
//!
//! Knows nothing of terminals and of report formats.

mod alarm;
mod arrivals;
mod calibration;
mod clock;
mod differing;
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
mod measured;
mod merge;
mod mix;
mod order;
mod outcome;
mod probing;
mod random;
mod recorder;
mod relay;
mod rule;
mod run;
mod samples;
mod saturation;
mod scenario;
mod search;
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

pub use self::goose::keep_ctrl_c;
pub use crate::record::Snapshot;
pub use differing::differing;
pub use figure::{Figure, Kept, Metric, Scalar, Stat, Takes};
pub use inside::{mock_config, mock_config_at};
pub use merge::{ShardReport, Unmergeable, merge};
pub use mix::Unfit;
pub use rule::{Op, Rule};
pub use run::{Driver, Options, SetupError, run, stage_names};
pub use samples::{Sampled, Samples};
pub use scenario::*;
pub use thresholds::{samples_of, value_of};

/// Reads a stream as a run does, `piece` bytes at a time: how many events it has, how many of them have content, and
/// whether the judge has to see any of it. What a run costs an event is in here; the benches measure it.
pub fn sieve(stream: &[u8], piece: usize) -> (u64, u64, bool) {
    let at = std::time::Instant::now();
    let mut sieve = sieve::Sieve::new(false);
    let (mut events, mut contents) = (0, 0);
    for bytes in stream.chunks(piece.max(1)) {
        let brought = sieve.feed(bytes, at);
        events += u64::from(brought.events);
        contents += u64::from(brought.contents);
    }
    let doubtful = sieve.finish(true, at).doubtful.is_some();
    (events, contents, doubtful)
}
