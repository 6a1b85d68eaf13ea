//! A run: its events as they happen, its record afterwards.

use super::{Entry, Evidence, Outcome};
use crate::contract::RequirementId;
use crate::judge::Check;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// Why a MUST was not tested that nobody wanted to be.
pub const NOT_SELECTED: &str = "not selected";

/// The result of one test: a case, in one mode, or an ambient rule.
#[derive(Debug, Clone)]
pub struct TestResult {
    /// The case's id, such as `auth.revoked.stream`.
    pub id: String,
    /// The requirement that it tests.
    pub requirement: RequirementId,
    /// The requirement whose sentence of the documentation is quoted: the case's own, where its variant as a stream
    /// belongs to another one (AUTH-8, BODY-10, FAULT-4).
    pub cites: RequirementId,
    /// Why the case exists, in a sentence.
    pub why: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What happened, in a sentence; for a skip what was missing, for an inconclusive one why.
    pub message: String,
    /// What was looked at.
    pub checks: Vec<Check>,
    /// Which legal answers were seen, of what the documentation leaves open.
    pub observed: BTreeMap<String, String>,
    /// How long it took.
    pub duration: Duration,
    /// A shell command that does the same, keys as variables; empty where no request was sent.
    pub reproduce: String,
    /// Of a selftest's trial: the results that found what is wrong with the server.
    pub caught_by: Option<Vec<String>>,
    /// The bytes, of the exchange that the verdict rests on.
    pub evidence: Option<Evidence>,
}

/// Counts of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed: a MUST is broken.
    pub failed: usize,
    /// Tests with an advisory: a SHOULD is broken.
    pub advised: usize,
    /// Tests that were not run.
    pub skipped: usize,
    /// Tests that ran without a verdict.
    pub inconclusive: usize,
    /// Requests sent.
    pub requests: usize,
    /// Requests that made the deployment call its model.
    pub completions: usize,
    /// MUST requirements of which nothing was tested, for want of a fixture or of a verdict.
    pub must_untested: usize,
    /// MUST requirements of which something was tested.
    pub must_tested: usize,
    /// MUST requirements that were tested and kept.
    pub must_kept: usize,
    /// Requests sent again, because the answer was a transient one.
    pub retried: usize,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Every selected test ran.
    Completed,
    /// After the first failure, as asked (`--fail-fast`).
    FailFast,
    /// By a signal.
    Interrupted,
    /// The target can't be tested at all; one finding says why (exit 3).
    Untestable(String),
    /// Plain valid requests get a wrong answer: that finding stands for everything else (exit 1).
    Pointless(String),
}

/// Everything that is known after a run.
#[derive(Debug, Clone)]
pub struct Record {
    /// The command: `conform`, `selftest`.
    pub command: &'static str,
    /// The base URL that was tested.
    pub target: String,
    /// When it started.
    pub started_at: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// How it ended.
    pub ended: Ended,
    /// The counts.
    pub summary: Summary,
    /// The results, in the contract's order.
    pub results: Vec<TestResult>,
    /// All observed answers of the open clauses.
    pub fingerprint: BTreeMap<String, String>,
    /// What else a reader should know: certificates not checked, transients seen, a pace that was learned.
    pub notes: Vec<String>,
    /// MUST requirements of which nothing was tested, each with the reason.
    pub untested: Vec<(RequirementId, String)>,
    /// Known failures (`--expect-failures`) that failed as expected: id and reason.
    pub expected_failures: Vec<(String, String)>,
    /// Known failures that passed by now: id and reason.
    pub unexpected_passes: Vec<(String, String)>,
}

/// What happens during a run.
#[derive(Debug, Clone)]
pub enum Event {
    /// The tests are selected: so many will run.
    Planned {
        /// How many results will come.
        tests: usize,
    },
    /// A test began.
    Started {
        /// Its id.
        id: String,
    },
    /// A test ended.
    Finished(Box<TestResult>),
    /// A request got its answer, or none; only where the run was asked to tell.
    Exchanged(Box<Entry>),
    /// The run waits, because the target asked for it.
    Waiting {
        /// How long.
        span: Duration,
        /// Why, in a few words.
        why: String,
    },
    /// The run was asked to end; what runs may finish.
    Stopping,
}
