//! What changed between two conformance runs.

use super::reading::{SavedConform, SavedResult};
use crate::contract::RequirementId;
use crate::record::Outcome;
use crate::record::comparison::{Change, ChangedAnswer, ChangedResult, Changes};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn compare(base: &SavedConform, new: &SavedConform, notes: &mut Vec<String>) -> Changes {
    let then = Run::of(base);
    let now = Run::of(new);
    for (name, run) in [("base", base), ("new", new)] {
        let why = run.ended.why.as_deref().map(|why| format!(" ({why})"));
        let why = why.unwrap_or_default();
        match run.ended.how.as_str() {
            "completed" => {}
            "interrupted" => notes.push(format!(
                "the {name} run was interrupted: what it did not come to is untested"
            )),
            "fail-fast" => notes.push(format!("the {name} run ended at its first failure")),
            _ => notes.push(format!("the {name} run came to no results{why}")),
        }
    }
    let mut changes = Changes {
        tested: new
            .results
            .iter()
            .filter(|r| has_verdict(r.outcome))
            .count(),
        answers: answers(&base.fingerprint, &new.fingerprint),
        ..Changes::default()
    };
    for result in &new.results {
        let before = then.results.get(result.id.as_str()).copied();
        match change(before, result, &then) {
            Some(change) => changes.results.push(told(change, before, Some(result))),
            None => changes.same += 1,
        }
    }
    // What the new run lacks is told where it would stand.
    let gone = base.results.iter().filter(|result| {
        !now.results.contains_key(result.id.as_str()) && has_verdict(result.outcome)
    });
    for result in gone {
        changes
            .results
            .push(told(Change::NewlyUntested, Some(result), None));
    }
    changes
        .results
        .sort_by_key(|result| result.requirement.map_or(usize::MAX, order));
    changes
}

fn order(id: RequirementId) -> usize {
    RequirementId::all()
        .position(|other| other == id)
        .unwrap_or(usize::MAX)
}

/// A run, to look things up.
struct Run<'r> {
    results: BTreeMap<&'r str, &'r SavedResult>,
    /// Requirements with a failure.
    broken: BTreeSet<&'r str>,
    /// It has results to speak of.
    tested: bool,
}

impl<'r> Run<'r> {
    fn of(saved: &'r SavedConform) -> Run<'r> {
        let failed = |result: &&SavedResult| result.outcome == Outcome::Fail;
        Run {
            results: saved.results.iter().map(|r| (r.id.as_str(), r)).collect(),
            broken: saved
                .results
                .iter()
                .filter(failed)
                .map(|result| result.requirement.as_str())
                .collect(),
            tested: !matches!(saved.ended.how.as_str(), "untestable" | "pointless"),
        }
    }
}

const fn has_verdict(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Pass | Outcome::Fail | Outcome::Advice => true,
        Outcome::Skip | Outcome::Inconclusive => false,
    }
}

fn change(before: Option<&SavedResult>, now: &SavedResult, then: &Run<'_>) -> Option<Change> {
    let was = before.map(|result| result.outcome);
    match (was, now.outcome) {
        (Some(Outcome::Fail), Outcome::Fail) => Some(Change::StillBroken),
        // A failure that the user knows of and expects is nobody's news.
        (_, Outcome::Fail) if now.expected_failure.is_some() => Some(Change::FoundBroken),
        (Some(Outcome::Pass | Outcome::Advice), Outcome::Fail) => Some(Change::NewlyBroken),
        // It had no verdict before. Where its requirement kept, that is news; where it was broken already, or nothing was
        // tested at all, nothing became worse.
        (_, Outcome::Fail) => Some(
            if then.broken.contains(now.requirement.as_str()) || !then.tested {
                Change::FoundBroken
            } else {
                Change::NewlyBroken
            },
        ),
        (Some(Outcome::Fail), Outcome::Pass | Outcome::Advice) => Some(Change::Mended),
        (Some(Outcome::Advice), Outcome::Pass) => Some(Change::AdviceGone),
        (Some(Outcome::Advice), Outcome::Advice) => None,
        (_, Outcome::Advice) => Some(Change::NewlyAdvised),
        (Some(Outcome::Pass), Outcome::Pass) => None,
        (None | Some(Outcome::Skip | Outcome::Inconclusive), Outcome::Pass) => {
            Some(Change::NewlyTested)
        }
        (Some(was), Outcome::Skip | Outcome::Inconclusive) if has_verdict(was) => {
            Some(Change::NewlyUntested)
        }
        (_, Outcome::Skip | Outcome::Inconclusive) => None,
    }
}

fn told(change: Change, before: Option<&SavedResult>, now: Option<&SavedResult>) -> ChangedResult {
    // Of what is gone, the old one tells what it was.
    let shown = now.or(before);
    let text = |field: fn(&SavedResult) -> &String| shown.map(field).cloned().unwrap_or_default();
    ChangedResult {
        id: text(|result| &result.id),
        requirement: RequirementId::parse(&text(|result| &result.requirement)).ok(),
        change,
        base: before.map(|result| result.outcome),
        new: now.map(|result| result.outcome),
        sentence: text(|result| &result.sentence),
        message: now.map(|now| now.message.clone()).unwrap_or_default(),
        reproduce: text(|result| &result.reproduce),
    }
}

/// Answers that differ. One that was merely not seen, because nothing asked, is no other answer.
fn answers(base: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<ChangedAnswer> {
    let keys: BTreeSet<&String> = base.keys().chain(new.keys()).collect();
    keys.into_iter()
        .filter(|key| base.get(*key) != new.get(*key))
        .map(|key| ChangedAnswer {
            key: key.clone(),
            base: base.get(key).cloned(),
            new: new.get(key).cloned(),
        })
        .collect()
}
