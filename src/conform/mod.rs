//! The runner. (A stand-in.)

use crate::case::Catalogue;
use crate::profile::{Fixture, Profile};
use crate::record::{Ended, Event, Record, Summary};
use std::fmt;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

/// A failure that is known.
#[derive(Debug, Clone)]
pub struct ExpectedFailure {
    /// The case.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// How to end early.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Start nothing new.
    pub gentle: CancellationToken,
    /// Abandon what runs.
    pub now: CancellationToken,
}

/// What to run and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only these.
    pub only: Vec<String>,
    /// Not these.
    pub skip: Vec<String>,
    /// At a time.
    pub jobs: usize,
    /// Requests a second at most.
    pub rate: Option<f64>,
    /// Completions at most.
    pub max_completions: Option<usize>,
    /// The longest wait obeyed.
    pub max_wait: Duration,
    /// End after the first failure.
    pub fail_fast: bool,
    /// Known failures.
    pub expected_failures: Vec<ExpectedFailure>,
    /// How to end early.
    pub stop: Stop,
}

/// Patterns that match nothing.
pub fn unmatched(_catalogue: &Catalogue, patterns: &[String]) -> Vec<String> {
    patterns.to_vec()
}

/// What would be sent.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Cases.
    pub cases: usize,
    /// Requests.
    pub requests: usize,
    /// Completions.
    pub completions: usize,
    /// In bytes.
    pub largest_body: usize,
    /// Each: id, requests, completions.
    pub lines: Vec<(String, usize, usize)>,
    /// Skipped, with what they need.
    pub skipped: Vec<(String, Fixture)>,
}

/// Plans.
pub fn plan(_catalogue: &Catalogue, _profile: &Profile, _options: &Options) -> Plan {
    Plan::default()
}

/// The run can't begin.
#[derive(Debug)]
pub struct SetupError(pub String);

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SetupError {}

/// Runs.
///
/// # Errors
/// It can't begin.
pub async fn run(
    _catalogue: &Catalogue,
    profile: &Profile,
    _options: &Options,
    events: UnboundedSender<Event>,
) -> Result<Record, SetupError> {
    let _ = events.send(Event::Planned { tests: 0 });
    Ok(Record {
        command: "conform",
        target: profile.target.base_url.clone(),
        started_at: SystemTime::now(),
        duration: Duration::ZERO,
        ended: Ended::Completed,
        summary: Summary::default(),
        results: Vec::new(),
        fingerprint: Default::default(),
        notes: Vec::new(),
        untested: Vec::new(),
        expected_failures: Vec::new(),
        unexpected_passes: Vec::new(),
    })
}
