//! What two reports say about each other. Whoever reads a [`Comparison`] needs neither report.

use super::Outcome;
use crate::contract::RequirementId;
use std::time::SystemTime;

/// Two reports, laid side by side.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The older report, or the one that is held to be right.
    pub base: Side,
    /// The report that is judged.
    pub new: Side,
    /// What a reader should know before believing the rest: other targets, other versions, an interrupted run.
    pub notes: Vec<String>,
    /// What was compared.
    pub what: What,
}

/// Of which report a figure is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// The file, as it was named.
    pub file: String,
    /// The base URL that was tested.
    pub target: String,
    /// The version of clawcheck that tested it.
    pub version: String,
    /// When.
    pub started_at: SystemTime,
}

/// What was compared.
#[derive(Debug, Clone)]
pub enum What {
    /// Two conformance runs.
    Conform(Changes),
    /// Two load runs.
    Load(Differences),
}

impl Comparison {
    /// Whether the new report is worse in a way that counts.
    pub fn is_worse(&self) -> bool {
        match &self.what {
            What::Conform(changes) => changes.of(Change::NewlyBroken).next().is_some(),
            What::Load(differences) => {
                !differences.broken.is_empty() || differences.rows.iter().any(|row| row.fails())
            }
        }
    }

    /// Whether the new report has anything that could be compared.
    pub fn is_void(&self) -> bool {
        match &self.what {
            What::Conform(changes) => changes.tested == 0,
            What::Load(differences) => differences.succeeded == 0,
        }
    }
}

/// What changed between two conformance runs.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Every result that is told, in the contract's order.
    pub results: Vec<ChangedResult>,
    /// Answers to what the documentation leaves open that are not the same.
    pub answers: Vec<ChangedAnswer>,
    /// Results that are the same in both, failures aside.
    pub same: usize,
    /// Results of the new report that have a verdict.
    pub tested: usize,
}

impl Changes {
    /// The results of one change.
    pub fn of(&self, change: Change) -> impl Iterator<Item = &ChangedResult> {
        self.results
            .iter()
            .filter(move |result| result.change == change)
    }
}

/// How a result changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// It fails, and its requirement was not known to be broken.
    NewlyBroken,
    /// It fails, and was not tested before; whether it ever worked is not known, or its requirement was broken already.
    FoundBroken,
    /// It fails in both.
    StillBroken,
    /// It failed, and passes.
    Mended,
    /// It had a verdict, and has none.
    NewlyUntested,
    /// It had none, and passes.
    NewlyTested,
    /// A SHOULD is broken that was kept.
    NewlyAdvised,
    /// A SHOULD is kept that was broken.
    AdviceGone,
}

impl Change {
    /// All of them, the worst first.
    pub const ALL: [Change; 8] = [
        Change::NewlyBroken,
        Change::FoundBroken,
        Change::StillBroken,
        Change::NewlyUntested,
        Change::NewlyAdvised,
        Change::Mended,
        Change::AdviceGone,
        Change::NewlyTested,
    ];

    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Change::NewlyBroken => "newly_broken",
            Change::FoundBroken => "found_broken",
            Change::StillBroken => "still_broken",
            Change::Mended => "mended",
            Change::NewlyUntested => "newly_untested",
            Change::NewlyTested => "newly_tested",
            Change::NewlyAdvised => "newly_advised",
            Change::AdviceGone => "advice_gone",
        }
    }
}

/// A result that changed, or still fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedResult {
    /// The result's id.
    pub id: String,
    /// The requirement that it tests, where this version of the contract has it.
    pub requirement: Option<RequirementId>,
    /// How it changed.
    pub change: Change,
    /// What came of it then; nothing where that report lacks it.
    pub base: Option<Outcome>,
    /// What came of it now.
    pub new: Option<Outcome>,
    /// The documentation's sentence.
    pub sentence: String,
    /// What happened, in a sentence.
    pub message: String,
    /// A shell command that shows it.
    pub reproduce: String,
}

/// An answer to what the documentation leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedAnswer {
    /// What was asked, such as `size.limit`.
    pub key: String,
    /// The answer then.
    pub base: Option<String>,
    /// The answer now.
    pub new: Option<String>,
}

/// How two load runs differ.
#[derive(Debug, Clone, Default)]
pub struct Differences {
    /// The figures that are judged, and those that were only looked at.
    pub rows: Vec<FigureRow>,
    /// MUSTs that are broken and were kept.
    pub broken: Vec<BrokenRequirement>,
    /// Error classes whose counts differ.
    pub errors: Vec<ErrorCounts>,
    /// Right answers of the new run.
    pub succeeded: u64,
}

/// A figure of two load runs.
#[derive(Debug, Clone)]
pub struct FigureRow {
    /// Its name, such as `time_to_first_token_ms.p95`.
    pub figure: String,
    /// The rule that judges it, as it is written.
    pub rule: String,
    /// Then and now.
    pub values: (Option<f64>, Option<f64>),
    /// The difference, in the figure's own unit.
    pub effect: Option<f64>,
    /// The interval in which the difference lies; its confidence is shared among all rows, so that all of them hold
    /// together with 95 %.
    pub interval: Option<(f64, f64)>,
    /// How large a difference is tolerated, in the figure's own unit.
    pub tolerance: f64,
    /// What it comes to.
    pub verdict: Difference,
    /// Why there is no verdict, where there is none.
    pub why: Option<String>,
}

impl FigureRow {
    /// Whether it makes the comparison fail.
    pub fn fails(&self) -> bool {
        self.verdict == Difference::Worse
    }

    /// The difference as a part of the base.
    pub fn ratio(&self) -> Option<f64> {
        let base = self.values.0.filter(|base| *base != 0.0)?;
        Some(self.effect? / base)
    }
}

/// What a difference comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Difference {
    /// Beyond the tolerance, the interval excludes no difference, in the bad direction.
    Worse,
    /// The same in the good direction.
    Better,
    /// The interval lies within the tolerance.
    Same,
    /// The interval is too wide for any of them.
    Inconclusive,
}

impl Difference {
    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Difference::Worse => "worse",
            Difference::Better => "better",
            Difference::Same => "same",
            Difference::Inconclusive => "inconclusive",
        }
    }
}

/// A MUST that answers under load broke, and had kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenRequirement {
    /// Which.
    pub requirement: RequirementId,
    /// In how many answers.
    pub failed: u64,
    /// Of how many.
    pub checked: u64,
}

/// How often a class of errors was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorCounts {
    /// The class.
    pub class: &'static str,
    /// Then.
    pub base: u64,
    /// Now.
    pub new: u64,
}
