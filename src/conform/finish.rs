//! From what was found to the record: one cause is one failure, and what was not tested is said.

use super::Options;
use super::select::wanted;
use crate::case::{Catalogue, reason_unobservable};
use crate::contract::{Level, RequirementId};
use crate::judge::{NO_CODE, Verdict};
use crate::record::{Ended, NOT_SELECTED, Outcome, Summary, TestResult};
use std::collections::{BTreeMap, HashSet};

/// Errors of the right status without any documented code are one cause, where all errors are so, or nearly: ERROR-1
/// tells it, and the cases that only wanted the code are told apart no more. Where it is so of one row, or of one kind
/// of request, the cases of that row say it.
pub(super) fn group_codeless(results: &mut [TestResult]) {
    let codeless = |result: &TestResult| {
        result.outcome == Outcome::Fail
            && result
                .checks
                .iter()
                .filter(|check| check.verdict == Verdict::Violation)
                .all(|check| check.name == NO_CODE)
    };
    let coded = results
        .iter()
        .filter(|result| {
            result
                .checks
                .iter()
                .any(|check| check.name == "code" && check.verdict == Verdict::Pass)
        })
        .count();
    let without = results.iter().filter(|result| codeless(result)).count();
    if without < 6 || coded * 10 > without {
        return;
    }
    for result in results.iter_mut().filter(|result| codeless(result)) {
        result.outcome = Outcome::Inconclusive;
        "the status is right; that errors name no documented code is told once, under error.code"
            .clone_into(&mut result.message);
    }
}

/// Marks failures that are known; gives back those that failed and those that passed by now.
#[expect(
    clippy::type_complexity,
    reason = "two lists of id and reason, for the record"
)]
pub(super) fn known_failures(
    results: &[TestResult],
    options: &Options,
) -> (Vec<(String, String)>, Vec<(String, String)>) {
    let mut failed = Vec::new();
    let mut passed = Vec::new();
    for known in &options.expected_failures {
        let of_case = format!("{}.stream", known.id);
        let mine: Vec<&TestResult> = results
            .iter()
            .filter(|result| result.id == known.id || (result.id == of_case && !known.stream_apart))
            .collect();
        if mine.iter().any(|result| result.outcome == Outcome::Fail) {
            for result in mine.iter().filter(|result| result.outcome == Outcome::Fail) {
                failed.push((result.id.clone(), known.reason.clone()));
            }
        } else if mine
            .iter()
            .any(|result| matches!(result.outcome, Outcome::Pass | Outcome::Advice))
        {
            passed.push((known.id.clone(), known.reason.clone()));
        }
    }
    (failed, passed)
}

/// MUSTs of which nothing was tested, each with the reason.
pub(super) fn untested(
    catalogue: &Catalogue,
    options: &Options,
    results: &[TestResult],
    ended: &Ended,
) -> Vec<(RequirementId, String)> {
    let tested = tested(catalogue, results);
    let covered_by: BTreeMap<RequirementId, Vec<&str>> = covers(catalogue);
    RequirementId::all()
        .filter(|id| id.level() == Level::Must && !tested.contains(id))
        .map(|id| {
            let why = results
                .iter()
                .filter(|result| result.requirement == id)
                .map(|result| result.message.clone())
                .find(|message| !message.is_empty());
            let why = why.unwrap_or_else(|| match ended {
                Ended::Interrupted => "the run was interrupted".to_owned(),
                Ended::FailFast => "the run ended at the first failure".to_owned(),
                Ended::Untestable(_) | Ended::Pointless(_) => "the run ended before it".to_owned(),
                Ended::Completed
                    if !wanted(options, &[id.as_str()]) && !options.only.is_empty() =>
                {
                    NOT_SELECTED.to_owned()
                }
                Ended::Completed => reason_unobservable(id).map_or_else(
                    || match covered_by.get(&id) {
                        // A case of another requirement would have looked at it; what kept that from running did it.
                        Some(cases) => {
                            kept_back(cases, results).unwrap_or_else(|| NOT_SELECTED.to_owned())
                        }
                        None => "no case".to_owned(),
                    },
                    str::to_owned,
                ),
            });
            (id, why)
        })
        .collect()
}

/// Why one of these cases came to no verdict, in whichever mode.
fn kept_back(cases: &[&str], results: &[TestResult]) -> Option<String> {
    let case = |id: &str| id.strip_suffix(".stream").unwrap_or(id).to_owned();
    results
        .iter()
        .filter(|result| matches!(result.outcome, Outcome::Skip | Outcome::Inconclusive))
        .filter(|result| cases.contains(&case(&result.id).as_str()))
        .map(|result| result.message.clone())
        .find(|message| !message.is_empty())
}

fn covers(catalogue: &Catalogue) -> BTreeMap<RequirementId, Vec<&str>> {
    let mut all: BTreeMap<RequirementId, Vec<&str>> = BTreeMap::new();
    for case in catalogue.cases() {
        for id in case.covers() {
            all.entry(id).or_default().push(case.id());
        }
    }
    all
}

/// Requirements that came to a verdict. One that a case of another requirement covers too did where that case ran, in a
/// mode that covers it.
fn tested(catalogue: &Catalogue, results: &[TestResult]) -> HashSet<RequirementId> {
    let ran = results.iter().filter(|result| {
        matches!(
            result.outcome,
            Outcome::Pass | Outcome::Fail | Outcome::Advice
        )
    });
    let mut tested = HashSet::new();
    let mut ids = HashSet::new();
    for result in ran {
        tested.insert(result.requirement);
        ids.insert(result.id.as_str());
    }
    for case in catalogue.cases() {
        for mode in case.modes() {
            if ids.contains(case.result_id(*mode).as_str()) {
                tested.extend(case.covers_in(*mode));
            }
        }
    }
    tested
}

/// The counts.
pub(super) fn summary(
    catalogue: &Catalogue,
    results: &[TestResult],
    untested: &[(RequirementId, String)],
) -> Summary {
    let count = |outcome: Outcome| {
        results
            .iter()
            .filter(|result| result.outcome == outcome)
            .count()
    };
    let tested: HashSet<RequirementId> = tested(catalogue, results)
        .into_iter()
        .filter(|id| id.level() == Level::Must)
        .collect();
    let broken: HashSet<RequirementId> = results
        .iter()
        .filter(|result| result.outcome == Outcome::Fail)
        .map(|result| result.requirement)
        .collect();
    Summary {
        passed: count(Outcome::Pass),
        failed: count(Outcome::Fail),
        advised: count(Outcome::Advice),
        skipped: count(Outcome::Skip),
        inconclusive: count(Outcome::Inconclusive),
        must_untested: untested.len(),
        must_tested: tested.len(),
        must_kept: tested.difference(&broken).count(),
        ..Summary::default()
    }
}
