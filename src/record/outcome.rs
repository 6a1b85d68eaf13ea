//! What came of a test, computed from its checks and set by hand nowhere.

use crate::judge::{Check, Verdict};

/// What came of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Everything as required.
    Pass,
    /// A MUST is broken.
    Fail,
    /// A SHOULD is broken.
    Advice,
    /// Not run: the profile lacks a fixture, or the target can't be asked this.
    Skip,
    /// Run, without a verdict: the target was busy, or a fixture did not do its part.
    Inconclusive,
}

impl Outcome {
    /// All of them, in the order of reports.
    pub const ALL: [Outcome; 5] = [
        Outcome::Fail,
        Outcome::Inconclusive,
        Outcome::Advice,
        Outcome::Skip,
        Outcome::Pass,
    ];

    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Advice => "advice",
            Outcome::Skip => "skip",
            Outcome::Inconclusive => "inconclusive",
        }
    }
}

/// The outcome that follows from checks: the worst of their verdicts.
pub fn judged(checks: &[Check]) -> Outcome {
    match checks.iter().map(|check| check.verdict).max() {
        Some(Verdict::Violation) => Outcome::Fail,
        Some(Verdict::Advice) => Outcome::Advice,
        Some(Verdict::Pass) | None => Outcome::Pass,
    }
}
