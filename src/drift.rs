//! Drift: answers that keep the contract and are no longer those that somebody approved.
//!
//! Each result of a record has an answer that its verdict rests on, without what differs from one to the next
//! ([`Evidence::normal`](crate::record::Evidence::normal)). It is compared with a text of insta's format, which people
//! read and keep beside their code. Knows no files: who has them reads and writes them.

use crate::judge::Check;
use crate::record::{Outcome, Record, TestResult, judged};
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeMap;

/// The name of the check that tells of it.
pub const DRIFT: &str = "drift";

/// Lines told of a difference.
const TOLD: usize = 12;

/// What can be approved of a record: of each result that came to a verdict without a failure, its answer.
pub fn approvable(record: &Record) -> impl Iterator<Item = (&str, &str)> {
    record
        .results
        .iter()
        .filter(|result| matches!(result.outcome, Outcome::Pass | Outcome::Advice))
        .filter_map(|result| Some((result.id.as_str(), answer(result)?)))
}

fn answer(result: &TestResult) -> Option<&str> {
    let normal = result.evidence.as_ref()?.normal();
    (!normal.is_empty()).then_some(normal)
}

/// Compares a record with approved answers, by the results' ids. What differs becomes advice in its result, what has
/// no approved answer and what has no result any more become notes.
pub fn compare(record: &mut Record, approved: &BTreeMap<String, String>) {
    let mut new = Vec::new();
    let mut same = 0;
    let mut differ = 0;
    for result in &mut record.results {
        let Some(now) = answer(result) else { continue };
        let Some(before) = approved.get(&result.id) else {
            new.push(result.id.clone());
            continue;
        };
        let Some(difference) = difference(before, now) else {
            same += 1;
            continue;
        };
        differ += 1;
        let check = Check::advice(
            result.requirement,
            DRIFT,
            "the answer that was approved",
            difference,
        );
        if result.outcome == Outcome::Pass {
            record.summary.passed -= 1;
            record.summary.advised += 1;
            result.message = format!("{DRIFT}: expected {}, got another", check.expected);
        }
        result.checks.push(check);
        if matches!(result.outcome, Outcome::Pass | Outcome::Advice) {
            result.outcome = judged(&result.checks);
        }
    }
    record.notes.push(format!(
        "answers compared with approved ones: {same} the same, {differ} drifted"
    ));
    if !new.is_empty() {
        record.notes.push(format!(
            "{} have no approved answer: {}; --accept approves them",
            new.len(),
            listed(&new)
        ));
    }
    let gone: Vec<String> = approved
        .keys()
        .filter(|id| !record.results.iter().any(|result| result.id == **id))
        .cloned()
        .collect();
    if !gone.is_empty() {
        record.notes.push(format!(
            "{} approved answers have no result in this run: {}",
            gone.len(),
            listed(&gone)
        ));
    }
}

/// The first few of them.
fn listed(ids: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = ids[..ids.len().min(SHOWN)].join(", ");
    if ids.len() > SHOWN {
        text.push_str(", …");
    }
    text
}

/// The lines that went (`-`) and came (`+`), in one; none where nothing differs but the last line's end.
fn difference(before: &str, now: &str) -> Option<String> {
    let (before, now) = (before.trim_end(), now.trim_end());
    if before == now {
        return None;
    }
    let diff = TextDiff::from_lines(before, now);
    let mut told: Vec<String> = diff
        .iter_all_changes()
        .filter(|change| change.tag() != ChangeTag::Equal)
        .map(|change| format!("{}{}", change.tag(), change.value().trim()))
        .collect();
    if told.len() > TOLD {
        let more = told.len() - TOLD;
        told.truncate(TOLD);
        told.push(format!("and {more} lines more"));
    }
    Some(told.join("  "))
}

/// An approved answer as a file of insta's format has it.
pub fn snapshot(id: &str, text: &str) -> String {
    format!(
        "---\nsource: clawcheck conform\nexpression: {id}\n---\n{}\n",
        text.trim_end()
    )
}

/// What stands in a file of insta's format, behind its head.
///
/// # Errors
/// It has no such head: what it should look like.
pub fn contents(file: &str) -> Result<String, &'static str> {
    const FORM: &str =
        "a snapshot begins with a line `---`, a few lines of YAML and another line `---`";
    let file = file.replace("\r\n", "\n");
    let rest = file.strip_prefix("---\n").ok_or(FORM)?;
    let (_, contents) = rest.split_once("\n---\n").ok_or(FORM)?;
    Ok(contents.to_owned())
}
