//! What a run amounts to, and the exit code that says so: a pure function of the record.

use crate::contract::Level;
use crate::record::{Ended, NOT_SELECTED, Outcome, Record};

/// What the user asked for beyond the contract's MUSTs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demands {
    /// `--strict`: advisories count, and so does a known failure that passes by now.
    pub strict: bool,
    /// `--require-all`: a MUST that was left without a verdict counts.
    pub require_all: bool,
}

/// What a run amounts to. Where several hold, the first of this list does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was interrupted, and what ran so far is no verdict.
    Interrupted,
    /// The target can't be tested at all.
    Untestable,
    /// At least one MUST is broken.
    Broken,
    /// Nothing was tested: that is no reason to call anything good.
    NothingTested,
    /// A SHOULD is broken, or a known failure passes by now, under `--strict`.
    NotStrict,
    /// A MUST was left without a verdict, under `--require-all`.
    Unproven,
    /// The target keeps the contract.
    Kept,
}

impl Verdict {
    /// The verdict on a run.
    pub fn of(record: &Record, demands: Demands) -> Verdict {
        match record.ended {
            Ended::Interrupted => return Verdict::Interrupted,
            Ended::Untestable(_) => return Verdict::Untestable,
            Ended::Pointless(_) => return Verdict::Broken,
            Ended::Completed | Ended::FailFast => {}
        }
        let any = |outcome| {
            record
                .results
                .iter()
                .any(|result| result.outcome == outcome)
        };
        let broken = record.results.iter().any(|result| {
            result.outcome == Outcome::Fail && known_failure(record, &result.id).is_none()
        });
        if broken {
            Verdict::Broken
        } else if !(any(Outcome::Pass) || any(Outcome::Advice) || any(Outcome::Fail)) {
            Verdict::NothingTested
        } else if demands.strict && (any(Outcome::Advice) || !record.unexpected_passes.is_empty()) {
            Verdict::NotStrict
        } else if demands.require_all && has_gap(record) {
            Verdict::Unproven
        } else {
            Verdict::Kept
        }
    }

    /// The exit code that says so.
    pub const fn code(self) -> u8 {
        match self {
            Verdict::Kept => 0,
            Verdict::Broken | Verdict::NotStrict | Verdict::Unproven => 1,
            Verdict::Untestable | Verdict::NothingTested => 3,
            Verdict::Interrupted => 130,
        }
    }

    /// The word that stands over a report.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Verdict::Kept => "PASS",
            Verdict::Broken | Verdict::NotStrict | Verdict::Unproven => "FAIL",
            Verdict::Untestable => "CAN'T BE TESTED",
            Verdict::NothingTested => "NOTHING TESTED",
            Verdict::Interrupted => "INTERRUPTED",
        }
    }

    /// What the exit code of a command means.
    pub(crate) fn in_words(self, command: &str) -> &'static str {
        match (command, self) {
            ("selftest", Verdict::Kept) => "the suite has teeth, and bites nobody who is right",
            ("selftest", Verdict::NothingTested) => "nothing was tried",
            ("selftest", Verdict::Interrupted) => Verdict::Interrupted.says(),
            ("selftest", _) => "a violation survived, or a legal server was accused",
            (_, verdict) => verdict.says(),
        }
    }

    /// What the exit code means for a target.
    pub(crate) const fn says(self) -> &'static str {
        match self {
            Verdict::Kept => "the target keeps the contract, as far as it was tested",
            Verdict::Broken => "the target breaks the contract: at least one MUST failed",
            Verdict::NotStrict => {
                "an advisory, or a known failure that passes by now, counts under --strict"
            }
            Verdict::Unproven => {
                "a MUST was left without a verdict, which counts under --require-all"
            }
            Verdict::NothingTested => "nothing was tested",
            Verdict::Untestable => "the target can't be tested",
            Verdict::Interrupted => "interrupted: what ran so far is reported",
        }
    }
}

/// The exit code of a run.
pub fn exit_code(record: &Record, demands: Demands) -> u8 {
    Verdict::of(record, demands).code()
}

/// The reason why a failure was expected, where it was.
pub(crate) fn known_failure<'r>(record: &'r Record, id: &str) -> Option<&'r str> {
    record
        .expected_failures
        .iter()
        .find(|(known, _)| known == id)
        .map(|(_, reason)| reason.as_str())
}

/// Whether a MUST was left without a verdict, for want of a fixture or otherwise.
fn has_gap(record: &Record) -> bool {
    record.untested.iter().any(|(_, why)| why != NOT_SELECTED)
        || record.results.iter().any(|result| {
            result.outcome == Outcome::Inconclusive && result.requirement.level() == Level::Must
        })
}
