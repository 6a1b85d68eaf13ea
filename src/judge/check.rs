//! What a rule says of an exchange.

use crate::contract::{Level, RequirementId};
use std::ops::Range;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// As required.
    Pass,
    /// A SHOULD is broken: reported, never a failure.
    Advice,
    /// A MUST is broken.
    Violation,
}

/// The part of an answer that a mark points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The head: status line and fields; the range counts bytes of its text as the evidence shows it.
    Head,
    /// The body: the range counts its bytes, codings taken off.
    Body,
}

/// The offending bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Which part of the answer.
    pub place: Place,
    /// Which bytes of it.
    pub range: Range<usize>,
}

/// One thing that was looked at: what had to be, what was, and what came of it. A check that did not pass is a
/// *finding*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Whose rule it is.
    pub requirement: RequirementId,
    /// What was looked at, in a word or two: `status`, `error code`.
    pub name: String,
    /// What came of it.
    pub verdict: Verdict,
    /// The legal answers.
    pub expected: String,
    /// What came.
    pub actual: String,
    /// The offending bytes, where they can be pointed at.
    pub mark: Option<Mark>,
}

impl Check {
    /// A check that passed.
    pub fn pass(
        requirement: RequirementId,
        name: impl Into<String>,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) -> Check {
        Check {
            requirement,
            name: name.into(),
            verdict: Verdict::Pass,
            expected: expected.into(),
            actual: actual.into(),
            mark: None,
        }
    }

    /// A broken MUST. Its weight is capped by the requirement's level: of a SHOULD or an open clause it is advice.
    pub fn violation(
        requirement: RequirementId,
        name: impl Into<String>,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) -> Check {
        let verdict = match requirement.level() {
            Level::Must => Verdict::Violation,
            Level::Should | Level::Open => Verdict::Advice,
        };
        Check {
            verdict,
            ..Check::pass(requirement, name, expected, actual)
        }
    }

    /// A broken SHOULD, of whatever requirement it stands in.
    pub fn advice(
        requirement: RequirementId,
        name: impl Into<String>,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) -> Check {
        Check {
            verdict: Verdict::Advice,
            ..Check::pass(requirement, name, expected, actual)
        }
    }

    /// Points at the offending bytes.
    #[must_use]
    pub fn at(mut self, place: Place, range: Range<usize>) -> Check {
        self.mark = Some(Mark { place, range });
        self
    }

    /// Whether it is a finding.
    pub fn is_finding(&self) -> bool {
        self.verdict != Verdict::Pass
    }
}
