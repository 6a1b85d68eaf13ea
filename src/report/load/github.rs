//! What a GitHub job is told of a load run besides: each broken threshold, and whatever else fails it.

use super::exit::Verdict;
use super::{md, words};
use crate::record::load::{LoadRecord, ThresholdOutcome};
use crate::report::github::error;
use crate::report::page::cut;
use std::io;

/// Broken thresholds that are told one by one.
const MOST: usize = 5;

/// The failures, as commands of the runner.
pub fn annotations(record: &LoadRecord) -> Vec<String> {
    let broken = |outcome| outcome != ThresholdOutcome::Pass;
    let rows = record.thresholds.iter().filter(|row| broken(row.outcome));
    let mut found: Vec<String> = rows
        .take(MOST)
        .map(|row| {
            let value = match row.value {
                Some(value) => format!("{} is {}", row.rule, words::exact(value)),
                None => format!("{} had no sample", row.rule),
            };
            error(&format!("threshold {}", row.rule), &value)
        })
        .collect();
    let verdicts = Verdict::all_of(record);
    let others = verdicts
        .into_iter()
        .filter(|verdict| !matches!(verdict, Verdict::Held | Verdict::ThresholdBroken));
    let title = format!("load {}", record.scenario.name);
    found.extend(
        others
            .take(MOST)
            .map(|verdict| error(&title, &words::says(record, verdict))),
    );
    found
}

/// The Markdown report, in so many bytes at most.
///
/// # Errors
/// None that memory does not give.
pub fn summary(record: &LoadRecord, most: usize) -> io::Result<String> {
    let mut bytes = Vec::new();
    md::write(record, &mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if text.len() <= most {
        return Ok(text);
    }
    // Whole passages only: a block that was cut would stay open.
    let kept = cut(&text, most.saturating_sub(100));
    let end = kept.find("\n### Errors").or_else(|| kept.find("\n### "));
    let kept = &kept[..end.unwrap_or(0)];
    Ok(format!(
        "{kept}\n\nThe rest did not fit: see the reports.\n"
    ))
}
