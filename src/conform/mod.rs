//! Runs the catalogue against a deployment: select, order, send again what was transient, judge, emit.
//!
//! Knows no terminal, no report format and no mock.

mod carrier;
mod discover;
mod finish;
mod ledger;
mod pacer;
mod probe;
mod run;
mod select;

pub use discover::{Access, Discovered, NotFoundOut, Pages, discover};
pub use run::run;
pub use select::{Plan, matches, plan, unmatched};

use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only cases whose id or requirement matches one of these patterns (`*` allowed); all where empty.
    pub only: Vec<String>,
    /// Not the cases whose id or requirement matches one of these.
    pub skip: Vec<String>,
    /// Tests that run side by side.
    pub jobs: usize,
    /// Requests a second at most.
    pub rate: Option<f64>,
    /// Requests that may call the model, at most; tests beyond it are skipped.
    pub max_completions: Option<usize>,
    /// The longest wait that a target may ask for.
    pub max_wait: Duration,
    /// Start nothing new after the first failure.
    pub fail_fast: bool,
    /// Known failures.
    pub expected_failures: Vec<ExpectedFailure>,
    /// Whether each exchange is told of as it ends.
    pub exchanges: Exchanges,
    /// Whether the evidence of each result has its answer's shape
    /// ([`Evidence::normal`](crate::record::Evidence::normal)).
    pub shapes: bool,
    /// How the run is told to end.
    pub stop: Stop,
}

/// What becomes of the exchanges that no result shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Exchanges {
    /// The run keeps them to itself.
    #[default]
    Kept,
    /// Each is an event ([`Event::Exchanged`](crate::record::Event::Exchanged)) as soon as it is over.
    Told,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            only: Vec::new(),
            skip: Vec::new(),
            jobs: 8,
            rate: None,
            max_completions: None,
            max_wait: Duration::from_secs(60),
            fail_fast: false,
            expected_failures: Vec::new(),
            exchanges: Exchanges::default(),
            shapes: false,
            stop: Stop::default(),
        }
    }
}

/// A failure that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedFailure {
    /// The result's id, or the case's for all its modes.
    pub id: String,
    /// Why it is known.
    pub reason: String,
    /// The case's stream has an entry of its own, be it one whose time is over: this one leaves it alone.
    pub stream_apart: bool,
}

/// How a run is told to end.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Start nothing new, let what runs finish.
    pub gentle: CancellationToken,
    /// Abandon what runs.
    pub now: CancellationToken,
}
