//! What a run found about each clause of the contract, and so about each sentence of the documentation.

use crate::case::{Case, Catalogue, reason_unobservable};
use crate::contract::{
    DOCUMENT, Level, NOT_TESTABLE, PassageKind, REQUIREMENTS, RequirementId, passages,
};
use crate::judge::Verdict;
use crate::record::{Outcome, Record, TestResult};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What was found about a clause, or about a sentence. Of several the first of this list is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// A MUST of it is broken.
    Broken,
    /// A SHOULD of it is broken.
    Advised,
    /// A MUST or SHOULD of it was left without a verdict.
    Untested,
    /// Looked at, and as required.
    Kept,
    /// The documentation leaves it open; which legal answer was seen is reported.
    Open,
    /// Nothing that a test could ask: a heading, the dashboard.
    Silent,
}

impl Standing {
    /// Those of a clause.
    pub(super) const OF_CLAUSES: [Standing; 5] = [
        Standing::Broken,
        Standing::Advised,
        Standing::Untested,
        Standing::Kept,
        Standing::Open,
    ];

    /// Its word in reports.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Standing::Broken => "broken",
            Standing::Advised => "advised",
            Standing::Untested => "untested",
            Standing::Kept => "kept",
            Standing::Open => "open",
            Standing::Silent => "silent",
        }
    }
}

/// A clause and what was found about it.
pub(super) struct Clause<'r> {
    /// Which one.
    pub(super) id: RequirementId,
    /// What was found.
    pub(super) standing: Standing,
    /// Why it was not tested, where it was not.
    pub(super) why: Option<&'r str>,
    /// The results that are about it, as indices of the record's results.
    pub(super) results: Vec<usize>,
}

/// A part of the documentation: a sentence, a row of the table, a line of a sample.
pub(super) struct Part {
    /// Where it stands in [`DOCUMENT`].
    pub(super) range: Range<usize>,
    /// What was found about its clauses.
    pub(super) standing: Standing,
    /// The clauses that rest on it.
    pub(super) clauses: Vec<RequirementId>,
    /// Why no clause rests on it, where it says something.
    pub(super) silent: Option<&'static str>,
}

/// A clause for each requirement, in the contract's order.
pub(super) fn clauses(record: &Record) -> Vec<Clause<'_>> {
    let catalogue = Catalogue::builtin();
    REQUIREMENTS
        .iter()
        .map(|row| clause(record, row.id, &covering(&catalogue, row.id)))
        .collect()
}

/// The results of cases that test a requirement beside their own.
fn covering(catalogue: &Catalogue, id: RequirementId) -> BTreeSet<String> {
    let covers = |case: &&Case| case.requirement() != id && case.covers().contains(&id);
    let cases = catalogue.cases().iter().filter(covers);
    cases
        .flat_map(|case| case.modes().iter().map(|mode| case.result_id(*mode)))
        .collect()
}

fn clause<'r>(record: &'r Record, id: RequirementId, covering: &BTreeSet<String>) -> Clause<'r> {
    let outcome = |index: &usize| {
        let result = &record.results[*index];
        // What fails there may be the case's own requirement.
        let beside = result.outcome == Outcome::Pass && covering.contains(&result.id);
        outcome_for(result, id).or(beside.then_some(Outcome::Pass))
    };
    let results: Vec<usize> = (0..record.results.len())
        .filter(|index| outcome(index).is_some())
        .collect();
    let any = |wanted| results.iter().any(|index| outcome(index) == Some(wanted));
    let untested = record.untested.iter().find(|(other, _)| *other == id);
    let standing = if any(Outcome::Fail) {
        Standing::Broken
    } else if any(Outcome::Advice) {
        Standing::Advised
    } else if id.level() == Level::Open {
        Standing::Open
    } else if untested.is_none() && any(Outcome::Pass) {
        Standing::Kept
    } else {
        Standing::Untested
    };
    let why = match standing {
        Standing::Untested => untested
            .map(|(_, why)| why.as_str())
            .or_else(|| message(record, &results))
            .or_else(|| reason_unobservable(id))
            .or(Some("not selected")),
        Standing::Open => reason_unobservable(id),
        Standing::Broken | Standing::Advised | Standing::Kept | Standing::Silent => None,
    };
    Clause {
        id,
        standing,
        why,
        results,
    }
}

/// What a result without a verdict says.
fn message<'r>(record: &'r Record, results: &[usize]) -> Option<&'r str> {
    results
        .iter()
        .map(|index| record.results[*index].message.as_str())
        .find(|message| !message.is_empty())
}

/// What a result says about a requirement: its own, the one that it quotes, and those of which it found something.
fn outcome_for(result: &TestResult, id: RequirementId) -> Option<Outcome> {
    if result.requirement == id || result.cites == id {
        return Some(result.outcome);
    }
    let found = result.checks.iter().filter(|check| check.requirement == id);
    match found.map(|check| check.verdict).max() {
        Some(Verdict::Violation) => Some(Outcome::Fail),
        Some(Verdict::Advice) => Some(Outcome::Advice),
        Some(Verdict::Pass) | None => None,
    }
}

/// The documentation, part by part, each with what was found about it.
pub(super) fn documentation(clauses: &[Clause<'_>]) -> Vec<(PassageKind, Vec<Part>)> {
    let quotes = quotes();
    let standings: BTreeMap<RequirementId, Standing> = clauses
        .iter()
        .map(|clause| (clause.id, clause.standing))
        .collect();
    passages()
        .into_iter()
        .map(|passage| {
            let part = |range| part(range, passage.kind, &quotes, &standings);
            (passage.kind, passage.parts.into_iter().map(part).collect())
        })
        .collect()
}

fn part(
    range: Range<usize>,
    kind: PassageKind,
    quotes: &[(RequirementId, Range<usize>)],
    standings: &BTreeMap<RequirementId, Standing>,
) -> Part {
    let mut clauses: Vec<RequirementId> = quotes
        .iter()
        .filter(|(_, quote)| quote.start < range.end && range.start < quote.end)
        .map(|(id, _)| *id)
        .collect();
    clauses.dedup();
    let standing = clauses.iter().map(|id| standings[id]).min();
    let text = &DOCUMENT[range.clone()];
    let reason = NOT_TESTABLE.iter().find(|(exempt, _)| *exempt == text);
    Part {
        silent: reason
            .filter(|_| kind != PassageKind::Heading)
            .map(|(_, reason)| *reason),
        standing: standing.unwrap_or(Standing::Silent),
        clauses,
        range,
    }
}

/// Where each requirement's sentences stand, in the contract's order.
fn quotes() -> Vec<(RequirementId, Range<usize>)> {
    let mut found = Vec::new();
    for row in REQUIREMENTS {
        for quote in row.sentences {
            found.extend(place(quote).map(|range| (row.id, range)));
        }
    }
    found
}

/// Where a quotation stands in the documentation.
pub(super) fn place(quote: &str) -> Option<Range<usize>> {
    let start = DOCUMENT.find(quote)?;
    Some(start..start + quote.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract;

    #[test]
    fn every_part_has_a_clause_or_a_reason() {
        let quotes = quotes();
        let standings = REQUIREMENTS
            .iter()
            .map(|row| (row.id, Standing::Kept))
            .collect();
        for passage in passages() {
            for range in passage.parts {
                let part = part(range, passage.kind, &quotes, &standings);
                let accounted = !part.clauses.is_empty()
                    || part.silent.is_some()
                    // A sample's braces and commas.
                    || matches!(passage.kind, PassageKind::Heading | PassageKind::Sample);
                assert!(accounted, "{}", &DOCUMENT[part.range]);
            }
        }
    }

    #[test]
    fn every_quotation_has_its_place() {
        for row in REQUIREMENTS {
            for quote in row.sentences {
                assert!(place(quote).is_some(), "{}: {quote}", row.id);
            }
        }
        let first = place(contract::AUTH_1.get().sentences[0]).expect("it is quoted");
        assert_eq!(
            &DOCUMENT[first],
            "Missing or malformed auth headers return 401."
        );
    }
}
